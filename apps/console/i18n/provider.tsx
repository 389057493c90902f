'use client';

import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import { IntlProvider } from 'use-intl';

import { resolveLocale, usePreferences } from '../ui/preferences.ts';
import type { Locale } from '../ui/preferences.ts';
import type { Messages } from './messages.ts';

const LOADERS: Readonly<Record<Locale, () => Promise<{ readonly messages: Messages }>>> = {
  en: () => import('../messages/en/index.ts'),
  fr: () => import('../messages/fr/index.ts'),
};

interface Loaded {
  readonly locale: Locale;
  readonly messages: Messages;
}

function reportMissing(error: { readonly message: string }): void {
  if (process.env.NODE_ENV !== 'production') {
    throw new Error(error.message);
  }
}

/** Loads the one catalogue that is needed and keeps the old one on screen until the new one is there. */
export function Localised({
  children,
  fallback,
}: {
  readonly children: ReactNode;
  readonly fallback: ReactNode;
}) {
  const { locale: choice } = usePreferences();
  const [loaded, setLoaded] = useState<Loaded>();

  useEffect(() => {
    let isCurrent = true;
    const locale = resolveLocale(choice, navigator.languages);
    void LOADERS[locale]().then(({ messages }) => {
      if (isCurrent) {
        document.documentElement.lang = locale;
        setLoaded({ locale, messages });
      }
    });
    return () => {
      isCurrent = false;
    };
  }, [choice]);

  if (loaded === undefined) {
    return fallback;
  }
  return (
    <IntlProvider
      locale={loaded.locale}
      messages={loaded.messages}
      timeZone={Intl.DateTimeFormat().resolvedOptions().timeZone}
      onError={reportMissing}
    >
      {children}
    </IntlProvider>
  );
}
