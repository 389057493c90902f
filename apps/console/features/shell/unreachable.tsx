'use client';

import { useTranslations } from 'use-intl';

import { Button } from '../../ui/button.tsx';
import { Mark } from '../../ui/slot-bar.tsx';
import { useSession } from '../session/session.tsx';
import { ManagerLinks } from './manager-links.tsx';
import { rememberedManagers } from './managers.ts';

/** The manager that served the page does not answer its first question: say so, keep trying, offer the others. */
export function Unreachable() {
  const t = useTranslations('shell');
  const { signedIn } = useSession();
  return (
    <main className="flex min-h-dvh items-center justify-center p-6">
      <div role="alert" className="max-w-md space-y-3">
        <Mark size={28} />
        <h1 className="text-lg font-semibold">{t('unreachableTitle', { host: window.location.host })}</h1>
        <p className="text-muted">{t('unreachableText')}</p>
        <p>
          <ManagerLinks managers={rememberedManagers()} />
        </p>
        <Button onClick={() => void signedIn()}>{t('tryNow')}</Button>
      </div>
    </main>
  );
}
