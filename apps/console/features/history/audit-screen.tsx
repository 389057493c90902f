'use client';

import type { ResponseOf } from '@skep/contract';
import { useMemo, useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction, useAsk } from '../../api/use-call.ts';
import { matchesFilter, parseFilter } from '../../live/filter.ts';
import { useConnection } from '../../live/live.tsx';
import type { ViewState } from '../../live/state.ts';
import { Button } from '../../ui/button.tsx';
import { DataTable, Toolbar } from '../../ui/data-table.tsx';
import type { Column } from '../../ui/data-table.tsx';
import { FilterBox } from '../../ui/filter-box.tsx';
import { Page } from '../../ui/page.tsx';
import { toProblem } from '../../ui/problem.tsx';
import { RelTime } from '../../ui/quantity.tsx';
import { useQueryState } from '../../ui/query-state.ts';
import { Banner, Empty, ErrorState, Loading, NoMatch } from '../../ui/screens.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';

type Entry = ResponseOf<'listAudit'>['items'][number];

const PAGE_SIZE = 200;

const OUTCOMES: Readonly<Record<Entry['outcome'], ViewState>> = {
  ok: { family: 'ok', glyph: 'complete', label: 'outcome.ok' },
  denied: { family: 'warn', glyph: 'rejected', label: 'outcome.denied' },
  failed: { family: 'bad', glyph: 'failed', label: 'outcome.failed' },
};

/** Who did what, from where, with what outcome. Without its database it says so, and nothing else breaks. */
export function AuditScreen() {
  const t = useTranslations('history');
  const { deps } = useConnection();
  const first = useAsk(`audit ${deps.db}`, (signal) =>
    call('listAudit', { query: { limit: PAGE_SIZE }, signal }),
  );
  const isDown =
    deps.db === 'down' || (first.error !== undefined && toProblem(first.error).code === 'unavailable');
  return (
    <Page title={t('audit')}>
      {isDown && first.data === undefined ? (
        <div className="px-4 sm:px-6">
          <Banner tone="warn" role="status" actions={<Button onClick={first.reload}>{t('askAgain')}</Button>}>
            <p className="font-semibold">{t('databaseDown')}</p>
            <p className="text-muted">{t('databaseDownText')}</p>
          </Banner>
        </div>
      ) : null}
      {!isDown && first.error !== undefined && first.data === undefined ? (
        <ErrorState title={t('auditFailed')} problem={toProblem(first.error)} onRetry={first.reload} />
      ) : null}
      {first.data === undefined && first.error === undefined ? <Loading /> : null}
      {first.data === undefined ? null : (
        <>
          {isDown ? (
            <div className="px-4 pb-3 sm:px-6">
              <Banner tone="warn" role="status">
                {t('databaseDown')}
              </Banner>
            </div>
          ) : null}
          <Entries first={first.data} key={first.data.items[0]?.id ?? ''} />
        </>
      )}
    </Page>
  );
}

function useColumns(): readonly Column<Entry>[] {
  const t = useTranslations('history');
  return useMemo(
    () => [
      {
        key: 'at',
        header: t('when'),
        width: '130px',
        cell: (entry) => (
          <span className="text-muted">
            <RelTime atMs={entry.atMs} />
          </span>
        ),
      },
      {
        key: 'outcome',
        header: t('outcome'),
        width: '110px',
        cell: (entry) => <StateBadge state={OUTCOMES[entry.outcome]} />,
      },
      {
        key: 'actor',
        header: t('actor'),
        width: '150px',
        cell: (entry) => <span className="whitespace-nowrap">{entry.actor.name.replace(/^user:/, '')}</span>,
      },
      { key: 'action', header: t('action'), width: '150px', cell: (entry) => <code>{entry.action}</code> },
      {
        key: 'target',
        header: t('target'),
        width: '180px',
        cell: (entry) => <span className="font-medium">{entry.target.name ?? entry.target.id ?? ''}</span>,
      },
      {
        key: 'detail',
        header: t('detail'),
        hideBelow: 'lg',
        cell: (entry) => <span title={entry.detail ?? ''}>{entry.detail ?? ''}</span>,
      },
      {
        key: 'from',
        header: t('from'),
        width: '180px',
        hideBelow: 'xl',
        cell: (entry) => (
          <span className="whitespace-nowrap text-muted">
            <code>{entry.actor.from}</code> {t(`via.${entry.actor.via}`)}
          </span>
        ),
      },
    ],
    [t],
  );
}

function Entries({ first }: { readonly first: ResponseOf<'listAudit'> }) {
  const t = useTranslations('history');
  const c = useTranslations('common');
  const [filter, setFilter] = useQueryState('q');
  const [older, setOlder] = useState<readonly Entry[]>([]);
  const [next, setNext] = useState(first.next);
  const more = useAction(async () => {
    const page = await call('listAudit', {
      query: { limit: PAGE_SIZE, ...(next === undefined ? {} : { cursor: next }) },
    });
    setOlder([...older, ...page.items]);
    setNext(page.next);
  });
  const columns = useColumns();
  const all = useMemo(() => [...first.items, ...older], [first.items, older]);
  const shown = useMemo(() => {
    const terms = parseFilter(filter);
    return all.filter((entry) =>
      matchesFilter(terms, {
        actor: entry.actor.name,
        action: entry.action,
        kind: entry.target.kind,
        target: entry.target.name,
        outcome: entry.outcome,
        detail: entry.detail,
        from: entry.actor.from,
        request: entry.requestId,
      }),
    );
  }, [all, filter]);
  if (all.length === 0) {
    return <Empty title={t('noAudit')}>{t('noAuditText')}</Empty>;
  }
  return (
    <>
      <Toolbar>
        <FilterBox
          value={filter}
          onChange={setFilter}
          label={t('filterAudit')}
          placeholder="outcome:denied, actor:admin"
        />
        <span className="text-muted figures">{c('shownOf', { shown: shown.length, total: all.length })}</span>
      </Toolbar>
      {shown.length === 0 ? (
        <NoMatch filter={filter} onClear={() => setFilter('')} />
      ) : (
        <DataTable
          label={t('audit')}
          columns={columns}
          rows={shown}
          rowKey={(entry) => entry.id}
          card={(entry) => (
            <div className="space-y-0.5">
              <div className="flex items-baseline justify-between gap-3">
                <code>{entry.action}</code>
                <StateBadge state={OUTCOMES[entry.outcome]} />
              </div>
              <p className="font-medium">{entry.target.name ?? ''}</p>
              <p className="flex justify-between text-xs text-muted">
                <span>{entry.actor.name.replace(/^user:/, '')}</span>
                <RelTime atMs={entry.atMs} />
              </p>
            </div>
          )}
        />
      )}
      {next === undefined ? null : (
        <div className="px-4 py-3 sm:px-6">
          <Button busy={more.isBusy} onClick={() => void more.run()}>
            {t('older')}
          </Button>
        </div>
      )}
    </>
  );
}
