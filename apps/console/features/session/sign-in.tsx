'use client';

import { useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction } from '../../api/use-call.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Field, TextInput } from '../../ui/field.tsx';
import { InlineProblem } from '../../ui/problem.tsx';
import { useMe, useSession } from './session.tsx';

/** Name and password. Paste and password managers are welcome. */
export function SignInForm({ name = '', onDone }: { readonly name?: string; readonly onDone?: () => void }) {
  const t = useTranslations('session');
  const { signedIn } = useSession();
  const [username, setUsername] = useState(name);
  const [password, setPassword] = useState('');
  const action = useAction(async () => {
    await call('signIn', { body: { username: username.trim(), password } });
    await signedIn();
    onDone?.();
  });
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        void action.run();
      }}
    >
      <Field label={t('username')}>
        {(control) => (
          <TextInput
            {...control}
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            required
            autoFocus={name === ''}
            value={username}
            onChange={(event) => {
              setUsername(event.target.value);
            }}
          />
        )}
      </Field>
      <Field label={t('password')}>
        {(control) => (
          <TextInput
            {...control}
            name="password"
            type="password"
            autoComplete="current-password"
            required
            autoFocus={name !== ''}
            value={password}
            onChange={(event) => {
              setPassword(event.target.value);
            }}
          />
        )}
      </Field>
      <InlineProblem error={action.error} sentences={{ unauthenticated: t('refused') }} />
      <Button type="submit" tone="primary" busy={action.isBusy} className="h-8! w-full">
        {t('signIn')}
      </Button>
    </form>
  );
}

/** Asks again in place when the session ended; the page behind keeps everything. */
export function SignInDialog({ open }: { readonly open: boolean }) {
  const t = useTranslations('session');
  const me = useMe();
  return (
    <Dialog
      open={open}
      onOpenChange={() => undefined}
      isModal
      title={t('again')}
      description={t('againHint')}
    >
      <SignInForm name={me?.name ?? ''} />
    </Dialog>
  );
}
