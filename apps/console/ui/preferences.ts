'use client';

import { useSyncExternalStore } from 'react';

import { PREFERENCES_KEY } from './before-paint.ts';

export type ThemeChoice = 'system' | 'dark' | 'light';
export type Density = 'compact' | 'comfortable';
export type LocaleChoice = 'system' | 'en' | 'fr';
export type TimeStyle = 'relative' | 'local' | 'utc';

/** What one person chose on this browser. */
export interface Preferences {
  readonly theme: ThemeChoice;
  readonly density: Density;
  readonly locale: LocaleChoice;
  readonly time: TimeStyle;
  readonly singleKeys: boolean;
  readonly navigation: 'wide' | 'rail';
}

export const DEFAULT_PREFERENCES: Preferences = {
  theme: 'system',
  density: 'compact',
  locale: 'system',
  time: 'relative',
  singleKeys: true,
  navigation: 'wide',
};

const listeners = new Set<() => void>();
let current: Preferences | undefined;

function read(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(PREFERENCES_KEY) ?? '{}');
    return { ...DEFAULT_PREFERENCES, ...(stored as Partial<Preferences>) };
  } catch {
    return DEFAULT_PREFERENCES;
  }
}

export function preferences(): Preferences {
  current ??= read();
  return current;
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...preferences(), ...change };
  try {
    localStorage.setItem(PREFERENCES_KEY, JSON.stringify(current));
  } catch {
    // A browser that stores nothing still honours the choice until the tab closes.
  }
  paintPreferences();
  for (const listener of listeners) {
    listener();
  }
}

/** Marks the document so that the style sheets follow the choices. The inline script does the same before paint. */
export function paintPreferences(): void {
  const { theme, density } = preferences();
  const isLight =
    theme === 'light' || (theme === 'system' && matchMedia('(prefers-color-scheme: light)').matches);
  document.documentElement.dataset['theme'] = isLight ? 'light' : 'dark';
  document.documentElement.dataset['density'] = density;
}

function subscribe(listener: () => void): () => void {
  const media = matchMedia('(prefers-color-scheme: light)');
  listeners.add(listener);
  media.addEventListener('change', paintPreferences);
  return () => {
    listeners.delete(listener);
    media.removeEventListener('change', paintPreferences);
  };
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, preferences, () => DEFAULT_PREFERENCES);
}

export type Locale = 'en' | 'fr';

/** The locale in force: the person's choice, else the first of the browser's languages that exists, else English. */
export function resolveLocale(choice: LocaleChoice, languages: readonly string[]): Locale {
  if (choice !== 'system') {
    return choice;
  }
  const found = languages.map((language) => language.slice(0, 2).toLowerCase());
  return found.find((language) => language === 'en' || language === 'fr') ?? 'en';
}
