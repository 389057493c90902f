'use client';

import { useMemo } from 'react';
import { useTranslations } from 'use-intl';

import { useEvents } from '../../api/use-events.ts';
import { matchesFilter, parseFilter } from '../../live/filter.ts';
import { EventLines } from '../../ui/event-line.tsx';
import { Toolbar } from '../../ui/data-table.tsx';
import { FilterBox } from '../../ui/filter-box.tsx';
import { Page } from '../../ui/page.tsx';
import { toProblem } from '../../ui/problem.tsx';
import { useQueryState } from '../../ui/query-state.ts';
import { Banner, ErrorState, Loading, NoMatch } from '../../ui/screens.tsx';

const EVENTS_MAX = 500;

/** What happened in the cluster, newest first. */
export function EventsScreen() {
  const t = useTranslations('history');
  const c = useTranslations('common');
  const [filter, setFilter] = useQueryState('q');
  const { data, error, reload } = useEvents({ limit: EVENTS_MAX });
  const shown = useMemo(() => {
    const terms = parseFilter(filter);
    return (data?.items ?? []).filter((event) =>
      matchesFilter(terms, {
        message: event.message,
        action: event.action,
        kind: event.target.kind,
        target: event.target.name,
        severity: event.severity,
      }),
    );
  }, [data, filter]);
  return (
    <Page title={t('events')}>
      {error !== undefined && data === undefined ? (
        <ErrorState title={t('eventsFailed')} problem={toProblem(error)} onRetry={reload} />
      ) : null}
      {data === undefined && error === undefined ? <Loading /> : null}
      {data === undefined ? null : (
        <>
          <Toolbar>
            <FilterBox
              value={filter}
              onChange={setFilter}
              label={t('filterEvents')}
              placeholder="severity:error, kind:node"
            />
            <span className="text-muted figures">
              {c('shownOf', { shown: shown.length, total: data.items.length })}
            </span>
          </Toolbar>
          {data.source === 'store' ? (
            <div className="px-4 pb-3 sm:px-6">
              <Banner tone="off">{t('fromStore')}</Banner>
            </div>
          ) : null}
          {shown.length === 0 && filter !== '' ? (
            <NoMatch filter={filter} onClear={() => setFilter('')} />
          ) : (
            <ul className="border-y border-line bg-surface py-1 sm:px-2">
              <EventLines events={shown} />
            </ul>
          )}
        </>
      )}
    </Page>
  );
}
