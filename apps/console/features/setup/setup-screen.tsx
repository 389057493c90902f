'use client';

import { useRouter } from 'next/navigation';
import { useEffect, useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction } from '../../api/use-call.ts';
import { Button, LinkButton } from '../../ui/button.tsx';
import { CopyField } from '../../ui/copy.tsx';
import { Checkbox, Field, TextInput } from '../../ui/field.tsx';
import { InlineProblem, toProblem } from '../../ui/problem.tsx';
import { preferences, resolveLocale } from '../../ui/preferences.ts';
import { routes } from '../../ui/routes.ts';
import { Banner } from '../../ui/screens.tsx';
import { useSession } from '../session/session.tsx';
import { Unreachable } from '../shell/unreachable.tsx';
import { Entry } from './entry.tsx';

const PASSWORD_LENGTH_MIN = 12;
/** Run on a manager's host, where the local socket needs no sign-in. */
const NEW_LINK_COMMAND =
  'curl -sX POST --unix-socket /run/skep/skep.sock http://localhost/api/v1/bootstrap/setup-token';

let taken: string | undefined;

/** The token stands behind `#`, so that no server log ever sees it; it leaves the address bar at once. */
function takeToken(): string {
  if (taken !== undefined) {
    return taken;
  }
  const token = new URLSearchParams(window.location.hash.slice(1)).get('token') ?? '';
  if (token !== '') {
    window.history.replaceState(null, '', window.location.pathname);
  }
  taken = token;
  return token;
}

export function SetupScreen() {
  const t = useTranslations('session');
  const { state } = useSession();
  const [token] = useState(takeToken);
  useEffect(() => {
    document.title = `${t('setupTitle')} · Skep`;
  }, [t]);
  if (state.kind === 'unreachable') {
    return <Unreachable />;
  }
  if (state.kind === 'signed-out' || state.kind === 'signed-in') {
    return (
      <Entry title={t('setupTitle')}>
        <div className="space-y-4">
          <p>{t('alreadyReady')}</p>
          <LinkButton href={state.kind === 'signed-in' ? routes.overview() : routes.login()} tone="primary">
            {t('signIn')}
          </LinkButton>
        </div>
      </Entry>
    );
  }
  return <Create token={token} />;
}

function Create({ token }: { readonly token: string }) {
  const t = useTranslations('session');
  const router = useRouter();
  const { bootstrap, signedIn } = useSession();
  const [username, setUsername] = useState('admin');
  const [password, setPassword] = useState('');
  const [isShown, setShown] = useState(false);
  const action = useAction(async () => {
    await call('setUp', {
      body: {
        token,
        username: username.trim(),
        password,
        locale: resolveLocale(preferences().locale, navigator.languages),
      },
    });
    await signedIn();
    router.replace(routes.overview());
  });
  const missing = Math.max(0, PASSWORD_LENGTH_MIN - password.length);
  const problem = action.error === undefined ? undefined : toProblem(action.error);
  const isTokenRefused =
    problem !== undefined && ['permission_denied', 'unauthenticated', 'not_found'].includes(problem.code);
  const hasNoToken = token === '';
  return (
    <Entry title={t('setupTitle')}>
      {bootstrap === undefined ? null : (
        <p className="mb-4 text-muted">
          {t('setupIntro', { cluster: bootstrap.clusterName, node: bootstrap.nodeName })}
        </p>
      )}
      {hasNoToken || isTokenRefused ? (
        <div className="mb-4 space-y-3">
          <Banner tone="warn" role="alert">
            {hasNoToken ? t('invalidSetup') : t('setupRefused')}
          </Banner>
          <CopyField label={t('setupCommand')} text={NEW_LINK_COMMAND} />
        </div>
      ) : null}
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (missing === 0 && !hasNoToken) {
            void action.run();
          }
        }}
      >
        <Field label={t('username')} hint={t('usernameHint')}>
          {(control) => (
            <TextInput
              {...control}
              name="username"
              autoComplete="username"
              autoCapitalize="none"
              required
              value={username}
              onChange={(event) => {
                setUsername(event.target.value);
              }}
            />
          )}
        </Field>
        <Field
          label={t('password')}
          hint={
            password === '' ? t('passwordHint') : missing > 0 ? t('fewer', { count: missing }) : t('long')
          }
        >
          {(control) => (
            <TextInput
              {...control}
              name="password"
              type={isShown ? 'text' : 'password'}
              autoComplete="new-password"
              required
              autoFocus
              value={password}
              onChange={(event) => {
                setPassword(event.target.value);
              }}
            />
          )}
        </Field>
        <Checkbox label={t('show')} checked={isShown} onChange={setShown} />
        {isTokenRefused ? null : <InlineProblem error={action.error} />}
        <Button
          type="submit"
          tone="primary"
          busy={action.isBusy}
          blocked={hasNoToken ? t('invalidSetup') : missing > 0 ? t('fewer', { count: missing }) : undefined}
          className="h-9! w-full"
        >
          {t('toCluster')}
        </Button>
      </form>
    </Entry>
  );
}
