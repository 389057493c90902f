'use client';

import { usePathname, useRouter } from 'next/navigation';
import { lazy, Suspense, useEffect } from 'react';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';

import { useConnection } from '../../live/live.tsx';
import { useKeys } from '../../ui/keyboard.ts';
import { usePreferences } from '../../ui/preferences.ts';
import { routes } from '../../ui/routes.ts';
import { useSession } from '../session/session.tsx';
import { Boot } from './boot.tsx';
import { Header } from './header.tsx';
import { rememberManagers } from './managers.ts';
import { BottomBar, Navigation } from './navigation.tsx';
import { SystemBars } from './system-bars.tsx';
import { Unreachable } from './unreachable.tsx';

const SignInDialog = lazy(() =>
  import('../session/sign-in.tsx').then((module) => ({ default: module.SignInDialog })),
);

/** The frame around every signed-in page. Shows the page only to someone who is signed in. */
export function Frame({ children }: { readonly children: ReactNode }) {
  const { state, isAsking } = useSession();
  const router = useRouter();
  const pathname = usePathname();
  const t = useTranslations('shell');
  const { freshness, managers } = useConnection();
  const { navigation } = usePreferences();

  useEffect(() => {
    if (state.kind === 'signed-out') {
      const next = `${pathname}${window.location.search}`;
      router.replace(routes.login(next === '/' ? {} : { next }));
    }
    if (state.kind === 'setup') {
      router.replace(routes.setup());
    }
  }, [state.kind, pathname, router]);

  useEffect(() => {
    rememberManagers(managers);
  }, [managers]);

  useKeys({
    'g o': () => router.push(routes.overview()),
    'g s': () => router.push(routes.services()),
    'g t': () => router.push(routes.stacks()),
    'g n': () => router.push(routes.nodes()),
    'g e': () => router.push(routes.events()),
    'g c': () => router.push(routes.secrets()),
    'g ,': () => router.push(routes.me()),
  });

  if (state.kind === 'unreachable') {
    return <Unreachable />;
  }
  if (state.kind !== 'signed-in') {
    return <Boot />;
  }
  const isStale = freshness === 'reconnecting' || freshness === 'offline';
  return (
    <div className="flex h-dvh flex-col overflow-hidden sm:flex-row" data-navigation={navigation}>
      <a
        href="#content"
        className="sr-only z-50 rounded-sm bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:absolute focus:top-2 focus:left-2"
      >
        {t('skip')}
      </a>
      <Navigation />
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <Header />
        <SystemBars />
        <main
          id="content"
          tabIndex={-1}
          data-stale={isStale || undefined}
          className="relative min-h-0 flex-1 overflow-x-hidden overflow-y-auto scroll-pt-10 pb-8 outline-none data-stale:saturate-[0.7]"
        >
          {children}
        </main>
      </div>
      <BottomBar />
      {isAsking ? (
        <Suspense>
          <SignInDialog open />
        </Suspense>
      ) : null}
    </div>
  );
}
