'use client';

import { useRouter, useSearchParams } from 'next/navigation';
import { useEffect } from 'react';
import { useTranslations } from 'use-intl';

import { routes } from '../../ui/routes.ts';
import { SignInForm } from '../session/sign-in.tsx';
import { useSession } from '../session/session.tsx';
import { Unreachable } from '../shell/unreachable.tsx';
import { Entry } from './entry.tsx';

/** Only addresses of this console are gone back to. */
function safeNext(next: string | null): string {
  return next !== null && /^\/(?![/\\])/.test(next) ? next : routes.overview();
}

export function LoginScreen() {
  const t = useTranslations('session');
  const router = useRouter();
  const next = safeNext(useSearchParams().get('next'));
  const { state, bootstrap } = useSession();
  useEffect(() => {
    document.title = `${t('signInTitle')} · Skep`;
  }, [t]);
  useEffect(() => {
    if (state.kind === 'signed-in') {
      router.replace(next);
    }
    if (state.kind === 'setup') {
      router.replace(routes.setup());
    }
  }, [state.kind, next, router]);
  if (state.kind === 'unreachable') {
    return <Unreachable />;
  }
  return (
    <Entry
      title={bootstrap === undefined ? t('signInTitle') : t('signInTo', { cluster: bootstrap.clusterName })}
    >
      <SignInForm />
    </Entry>
  );
}
