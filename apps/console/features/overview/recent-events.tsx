'use client';

import { useTranslations } from 'use-intl';

import { useEvents } from '../../api/use-events.ts';
import { EventLines } from '../../ui/event-line.tsx';
import { EntityLink } from '../../ui/page.tsx';
import { InlineProblem } from '../../ui/problem.tsx';
import { routes } from '../../ui/routes.ts';

/** More than is shown: what happened many times in a row takes one line. */
const ASKED = 100;
const LINES = 14;

export function RecentEvents() {
  const t = useTranslations('overview');
  const { data, error } = useEvents({ limit: ASKED });
  if (data === undefined) {
    return error === undefined ? (
      <div className="h-24" />
    ) : (
      <div className="p-3">
        <InlineProblem error={error} />
      </div>
    );
  }
  if (data.items.length === 0) {
    return <p className="px-4 py-6 text-muted">{t('noEvents')}</p>;
  }
  return (
    <>
      <ul className="py-1.5">
        <EventLines events={data.items} maxLines={LINES} />
      </ul>
      <p className="border-t border-line/60 px-4 py-2">
        <EntityLink href={routes.events()}>{t('allEvents')}</EntityLink>
      </p>
    </>
  );
}
