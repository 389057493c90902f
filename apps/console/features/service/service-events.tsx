'use client';

import { useTranslations } from 'use-intl';

import { useEvents } from '../../api/use-events.ts';
import { EventLines } from '../../ui/event-line.tsx';
import { toProblem } from '../../ui/problem.tsx';
import { ErrorState, Loading } from '../../ui/screens.tsx';

export function ServiceEvents({ name }: { readonly name: string }) {
  const t = useTranslations('service');
  const { data, error, reload } = useEvents({ limit: 200, target: name });
  if (data === undefined) {
    return error === undefined ? (
      <Loading />
    ) : (
      <ErrorState title={t('eventsFailed')} problem={toProblem(error)} onRetry={reload} />
    );
  }
  return data.items.length === 0 ? (
    <p className="px-6 py-8 text-muted">{t('noEvents')}</p>
  ) : (
    <ul className="py-2 sm:px-2">
      <EventLines events={data.items} />
    </ul>
  );
}
