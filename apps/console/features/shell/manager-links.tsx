'use client';

import { useTranslations } from 'use-intl';

import type { ManagerAddress } from '../../live/protocol.ts';
import { otherManagers, samePageOn } from './managers.ts';

/** "Continue on manager-2": other origins, so they ask for a sign-in of their own. */
export function ManagerLinks({ managers }: { readonly managers: readonly ManagerAddress[] }) {
  const t = useTranslations('shell');
  const others = otherManagers(managers);
  if (others.length === 0) {
    return null;
  }
  return (
    <span>
      {t('continueOn')}{' '}
      {others.map((manager, index) => (
        <span key={manager.id}>
          {index > 0 ? ', ' : ''}
          <a href={samePageOn(manager.url)} className="font-semibold underline underline-offset-2">
            {manager.name}
          </a>
        </span>
      ))}
    </span>
  );
}
