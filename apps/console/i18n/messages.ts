import type { messages } from '../messages/en/index.ts';

type Widen<T> = { readonly [K in keyof T]: T[K] extends string ? string : Widen<T[K]> };

/** Shape of a catalogue; English is the reference. */
export type Messages = Widen<typeof messages>;

declare module 'use-intl' {
  interface AppConfig {
    Messages: typeof messages;
    Locale: 'en' | 'fr';
  }
}
