'use client';

import { Plus } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useMemo } from 'react';
import { useTranslations } from 'use-intl';

import type { SummarisedService } from '../../live/attention.ts';
import { matchesFilter, parseFilter } from '../../live/filter.ts';
import { useIsLoaded, useRows, useSummaries } from '../../live/live.tsx';
import type { StackRow } from '../../live/rows.ts';
import { stackState } from '../../live/state.ts';
import type { ViewState } from '../../live/state.ts';
import { LinkButton } from '../../ui/button.tsx';
import { DataTable, Toolbar } from '../../ui/data-table.tsx';
import type { Column } from '../../ui/data-table.tsx';
import { FilterBox } from '../../ui/filter-box.tsx';
import { useKeys } from '../../ui/keyboard.ts';
import { EntityLink, Page } from '../../ui/page.tsx';
import { RelTime } from '../../ui/quantity.tsx';
import { useQueryState } from '../../ui/query-state.ts';
import { routes } from '../../ui/routes.ts';
import { Empty, Loading, NoMatch } from '../../ui/screens.tsx';
import { SlotBar } from '../../ui/slot-bar.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';

export interface StackLine {
  readonly name: string;
  /** Absent for stacks that exist only as labels of services (deployed object by object). */
  readonly stack: StackRow | undefined;
  readonly services: readonly SummarisedService[];
  readonly state: ViewState;
}

/** Stacks by name: those with a text, and those that only labels tell of. */
export function useStacks(): readonly StackLine[] {
  const stacks = useRows('stacks');
  const services = useSummaries();
  return useMemo(() => {
    const names = new Set([
      ...stacks.map((stack) => stack.name),
      ...services.flatMap(({ summary }) => summary.stack ?? []),
    ]);
    return [...names].sort().map((name) => {
      const own = services.filter(({ summary }) => summary.stack === name);
      return {
        name,
        stack: stacks.find((stack) => stack.name === name),
        services: own,
        state: stackState(own.map(({ summary }) => summary.state)),
      };
    });
  }, [stacks, services]);
}

function barOf(line: StackLine) {
  return line.services.flatMap(({ summary }) => summary.bar);
}

export function StacksScreen() {
  const t = useTranslations('stacks');
  const c = useTranslations('common');
  const router = useRouter();
  const isLoaded = useIsLoaded();
  const all = useStacks();
  const [filter, setFilter] = useQueryState('q');
  const columns = useColumns();
  const shown = useMemo(() => {
    const terms = parseFilter(filter);
    return all.filter((line) =>
      matchesFilter(terms, {
        name: line.name,
        state: line.state.family,
        service: line.services.map(({ service }) => service.spec.name),
      }),
    );
  }, [all, filter]);
  useKeys({ n: () => router.push(routes.newStack()) });
  return (
    <Page
      title={t('title')}
      actions={
        <LinkButton href={routes.newStack()} tone="primary" icon={<Plus size={16} />}>
          {t('deploy')}
        </LinkButton>
      }
    >
      {!isLoaded ? <Loading /> : null}
      {isLoaded && all.length === 0 ? (
        <Empty
          title={t('empty')}
          command="swarm stack deploy -c compose.yaml shop"
          action={
            <LinkButton href={routes.newStack()} tone="primary">
              {t('deploy')}
            </LinkButton>
          }
        >
          {t('emptyText')}
        </Empty>
      ) : null}
      {isLoaded && all.length > 0 ? (
        <>
          <Toolbar>
            <FilterBox value={filter} onChange={setFilter} label={t('filter')} />
            <span className="text-muted figures">
              {c('shownOf', { shown: shown.length, total: all.length })}
            </span>
          </Toolbar>
          {shown.length === 0 ? (
            <NoMatch filter={filter} onClear={() => setFilter('')} />
          ) : (
            <DataTable
              label={t('title')}
              columns={columns}
              rows={shown}
              rowKey={(line) => line.name}
              rowHref={(line) => routes.stack({ name: line.name })}
              keys={{ e: (line) => router.push(routes.newStack({ from: line.name })) }}
              card={(line) => (
                <div className="space-y-1">
                  <div className="flex items-baseline justify-between gap-3">
                    <EntityLink href={routes.stack({ name: line.name })} className="truncate py-1 text-base">
                      {line.name}
                    </EntityLink>
                    <StateBadge state={line.state} />
                  </div>
                  <p className="text-xs text-muted">{t('services', { count: line.services.length })}</p>
                </div>
              )}
            />
          )}
        </>
      ) : null}
    </Page>
  );
}

function useColumns(): readonly Column<StackLine>[] {
  const t = useTranslations('stacks');
  const s = useTranslations('services');
  return useMemo(
    () => [
      {
        key: 'state',
        header: t('state'),
        width: '168px',
        cell: (line) => <StateBadge state={line.state} />,
        sort: (line) => line.state.family,
      },
      {
        key: 'name',
        header: t('name'),
        cell: (line) => <EntityLink href={routes.stack({ name: line.name })}>{line.name}</EntityLink>,
        sort: (line) => line.name,
      },
      {
        key: 'services',
        header: t('servicesHead'),
        width: '100px',
        align: 'end',
        cell: (line) => line.services.length,
        sort: (line) => line.services.length,
      },
      {
        key: 'tasks',
        header: t('tasks'),
        width: '240px',
        cell: (line) => {
          const healthy = line.services.reduce((sum, { summary }) => sum + summary.healthy, 0);
          const desired = line.services.reduce((sum, { summary }) => sum + summary.desired, 0);
          return (
            <span className="flex items-center gap-2">
              <SlotBar
                slots={barOf(line)}
                label={s('tasksOf', { healthy, desired })}
                className="w-40 shrink-0"
              />
              <span aria-hidden="true" className="figures">
                {healthy}
                <span className="text-muted">/{desired}</span>
              </span>
            </span>
          );
        },
      },
      {
        key: 'revision',
        header: t('revision'),
        width: '110px',
        cell: (line) =>
          line.stack === undefined ? (
            <span className="text-muted">{t('noText')}</span>
          ) : (
            <code>v{line.stack.revision}</code>
          ),
        sort: (line) => line.stack?.revision ?? 0,
      },
      {
        key: 'deployed',
        header: t('deployed'),
        width: '220px',
        hideBelow: 'md',
        cell: (line) =>
          line.stack === undefined ? null : (
            <span className="text-muted">
              <RelTime atMs={line.stack.updatedAtMs} />{' '}
              {t('by', { name: line.stack.deployedBy.replace(/^user:/, '') })}
            </span>
          ),
        sort: (line) => line.stack?.updatedAtMs ?? 0,
      },
    ],
    [t, s],
  );
}
