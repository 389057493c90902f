'use client';

import { useTranslations } from 'use-intl';

import { LinkButton } from '../../ui/button.tsx';
import { routes } from '../../ui/routes.ts';
import { Mark } from '../../ui/slot-bar.tsx';

export function NotFound() {
  const t = useTranslations('shell');
  return (
    <main className="flex min-h-dvh items-center justify-center p-6">
      <div className="max-w-md space-y-3">
        <Mark size={28} />
        <h1 className="text-lg font-semibold">{t('notFound')}</h1>
        <p className="text-muted">{t('notFoundText')}</p>
        <LinkButton href={routes.overview()} tone="primary">
          {t('toOverview')}
        </LinkButton>
      </div>
    </main>
  );
}
