'use client';

import { Ellipsis, FilePen, History, ImageUp, Plus, RotateCw, Scaling, Terminal, Trash2 } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useMemo } from 'react';
import { useTranslations } from 'use-intl';

import type { SummarisedService } from '../../live/attention.ts';
import { matchesFilter, parseFilter } from '../../live/filter.ts';
import { useIsLoaded, useSummaries } from '../../live/live.tsx';
import { compareGravity } from '../../live/state.ts';
import { IconButton, LinkButton } from '../../ui/button.tsx';
import { DataTable, Toolbar } from '../../ui/data-table.tsx';
import type { Column } from '../../ui/data-table.tsx';
import { FilterBox } from '../../ui/filter-box.tsx';
import { useKeys } from '../../ui/keyboard.ts';
import { Menu } from '../../ui/menu.tsx';
import { EntityLink, Page } from '../../ui/page.tsx';
import { useQueryState } from '../../ui/query-state.ts';
import { RelTime } from '../../ui/quantity.tsx';
import { routes } from '../../ui/routes.ts';
import { Empty, Loading, NoMatch } from '../../ui/screens.tsx';
import { ImageName, PortsCell, TasksCell } from '../../ui/service-cells.tsx';
import { StateBadge, useStateLabel } from '../../ui/state-badge.tsx';
import { useWhy } from '../../ui/why.tsx';
import { useBlocked } from '../session/blocked.ts';
import { ServiceActions, useServiceVerb } from './service-actions.tsx';

const GRAVITY_RANK = { bad: 0, warn: 1, go: 2, wait: 3, ok: 4, off: 5 } as const;

export function ServicesScreen() {
  return (
    <ServiceActions>
      <Services />
    </ServiceActions>
  );
}

function useColumns(): readonly Column<SummarisedService>[] {
  const t = useTranslations('services');
  return useMemo(
    () => [
      {
        key: 'state',
        header: t('state'),
        width: '168px',
        cell: ({ summary }) => <StateBadge state={summary.state} />,
        sort: ({ summary, service }) => `${String(GRAVITY_RANK[summary.state.family])} ${service.spec.name}`,
      },
      {
        key: 'name',
        header: t('name'),
        cell: ({ service }) => (
          <EntityLink href={routes.service({ name: service.spec.name })} className="whitespace-nowrap">
            {service.spec.name}
          </EntityLink>
        ),
        sort: ({ service }) => service.spec.name,
      },
      {
        key: 'stack',
        header: t('stack'),
        width: '110px',
        hideBelow: 'xl',
        cell: ({ summary }) =>
          summary.stack === undefined ? null : (
            <EntityLink href={routes.stack({ name: summary.stack })} className="font-normal!">
              {summary.stack}
            </EntityLink>
          ),
        sort: ({ summary }) => summary.stack ?? '',
      },
      {
        key: 'image',
        header: t('image'),
        width: '270px',
        hideBelow: 'md',
        cell: ({ service }) => <ImageName image={service.spec.task.container.image} />,
        sort: ({ service }) => service.spec.task.container.image,
      },
      {
        key: 'tasks',
        header: t('tasks'),
        width: '176px',
        cell: ({ summary }) => <TasksCell summary={summary} />,
        sort: ({ summary }) => summary.desired,
      },
      {
        key: 'ports',
        header: t('ports'),
        width: '120px',
        hideBelow: 'lg',
        cell: ({ service }) => <PortsCell service={service} />,
      },
      {
        key: 'updated',
        header: t('updated'),
        width: '104px',
        hideBelow: 'lg',
        cell: ({ service }) => (
          <span className="text-muted">
            <RelTime atMs={service.updatedAtMs} />
          </span>
        ),
        sort: ({ service }) => service.updatedAtMs,
      },
    ],
    [t],
  );
}

function useVisible(): {
  readonly all: readonly SummarisedService[];
  readonly shown: readonly SummarisedService[];
  readonly filter: string;
  readonly setFilter: (text: string) => void;
} {
  const all = useSummaries();
  const [filter, setFilter] = useQueryState('q');
  const label = useStateLabel();
  const shown = useMemo(() => {
    const terms = parseFilter(filter);
    return all
      .filter(({ service, summary }) =>
        matchesFilter(terms, {
          name: service.spec.name,
          image: service.spec.task.container.image,
          stack: summary.stack,
          state: [label(summary.state), summary.state.family],
          label: Object.entries(service.spec.labels ?? {}).map(([key, value]) => `${key}=${value}`),
        }),
      )
      .toSorted(
        (a, b) =>
          compareGravity(a.summary.state.family, b.summary.state.family) ||
          (a.service.spec.name < b.service.spec.name ? -1 : 1),
      );
  }, [all, filter, label]);
  return { all, shown, filter, setFilter };
}

function Services() {
  const t = useTranslations('services');
  const c = useTranslations('common');
  const router = useRouter();
  const isLoaded = useIsLoaded();
  const why = useWhy();
  const columns = useColumns();
  const ask = useServiceVerb();
  const { all, shown, filter, setFilter } = useVisible();
  useKeys({ n: () => router.push(routes.deploy()) });
  const note = (row: SummarisedService) =>
    row.summary.culprit === undefined ? null : (
      <span className="flex gap-1.5 text-muted">
        <span aria-hidden="true">└</span>
        <span className="truncate text-text">{why(row.summary.culprit)}</span>
        <RelTime atMs={row.summary.culprit.status.atMs} />
      </span>
    );
  return (
    <Page
      title={t('title')}
      actions={
        <LinkButton href={routes.deploy()} tone="primary" icon={<Plus size={16} />}>
          {t('deploy')}
        </LinkButton>
      }
    >
      {!isLoaded ? <Loading /> : null}
      {isLoaded && all.length === 0 ? (
        <Empty
          title={t('empty')}
          command="swarm service create --name hello --publish 8080:80 nginx:alpine"
          action={
            <LinkButton href={routes.deploy()} tone="primary">
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
            <FilterBox
              value={filter}
              onChange={setFilter}
              label={t('filter')}
              placeholder={t('filterHint')}
            />
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
              rowKey={({ service }) => service.id}
              rowHref={({ service }) => routes.service({ name: service.spec.name })}
              note={note}
              verbs={(row) => <RowVerbs row={row} />}
              card={(row) => <ServiceCard row={row} />}
              keys={{
                l: ({ service }) => router.push(routes.service({ name: service.spec.name, tab: 'logs' })),
                s: ({ service }) => ask('scale', service),
                '+': ({ service }) => ask('scale', service),
                '-': ({ service }) => ask('scale', service),
                r: ({ service }) => ask('restart', service),
                b: ({ service }) => ask('rollback', service),
                e: ({ service }) => router.push(routes.editService({ name: service.spec.name })),
              }}
              isDim={({ summary }) => summary.state.family === 'off'}
            />
          )}
        </>
      ) : null}
    </Page>
  );
}

function RowVerbs({ row }: { readonly row: SummarisedService }) {
  const t = useTranslations('services');
  const router = useRouter();
  const ask = useServiceVerb();
  const operate = useBlocked('service.operate');
  const write = useBlocked('service.write');
  const { service } = row;
  const { name } = service.spec;
  const isScalable = service.spec.mode.type === 'replicated';
  const noScale = isScalable ? operate : t('scaleNot');
  return (
    <>
      <span className="hidden items-center opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 group-focus:opacity-100 md:inline-flex">
        <IconButton
          label={t('logsOf', { name })}
          onClick={() => router.push(routes.service({ name, tab: 'logs' }))}
        >
          <Terminal size={14} />
        </IconButton>
        <IconButton label={t('scaleOf', { name })} blocked={noScale} onClick={() => ask('scale', service)}>
          <Scaling size={14} />
        </IconButton>
      </span>
      <Menu
        heading={name}
        trigger={
          <IconButton label={t('actionsOf', { name })}>
            <Ellipsis size={16} />
          </IconButton>
        }
        entries={[
          {
            key: 'logs',
            label: t('logs'),
            shortcut: 'l',
            icon: <Terminal size={14} />,
            onSelect: () => router.push(routes.service({ name, tab: 'logs' })),
          },
          {
            key: 'scale',
            label: t('scale'),
            shortcut: '+',
            icon: <Scaling size={14} />,
            blocked: noScale,
            onSelect: () => ask('scale', service),
          },
          {
            key: 'image',
            label: t('imageNew'),
            icon: <ImageUp size={14} />,
            blocked: write,
            onSelect: () => ask('image', service),
          },
          {
            key: 'edit',
            label: t('edit'),
            shortcut: 'e',
            icon: <FilePen size={14} />,
            blocked: write,
            onSelect: () => router.push(routes.editService({ name })),
          },
          {
            key: 'restart',
            label: t('restart'),
            shortcut: 'r',
            icon: <RotateCw size={14} />,
            blocked: operate,
            onSelect: () => ask('restart', service),
          },
          {
            key: 'rollback',
            label: t('rollback'),
            shortcut: 'b',
            icon: <History size={14} />,
            blocked: service.previousSpec === undefined ? t('rollbackNone') : operate,
            onSelect: () => ask('rollback', service),
          },
          'line',
          {
            key: 'remove',
            label: t('remove'),
            tone: 'danger',
            icon: <Trash2 size={14} />,
            blocked: write,
            onSelect: () => ask('remove', service),
          },
        ]}
      />
    </>
  );
}

function ServiceCard({ row }: { readonly row: SummarisedService }) {
  const { service, summary } = row;
  const why = useWhy();
  return (
    <div className="flex items-start gap-2">
      <div className="min-w-0 flex-1 space-y-1">
        <div className="flex items-baseline justify-between gap-3">
          <EntityLink
            href={routes.service({ name: service.spec.name })}
            className="min-w-0 truncate py-1 text-base"
          >
            {service.spec.name}
          </EntityLink>
          <StateBadge state={summary.state} />
        </div>
        {summary.culprit === undefined ? null : <p className="text-xs">{why(summary.culprit)}</p>}
        <div className="flex items-center justify-between gap-3 text-muted">
          <TasksCell summary={summary} />
          <span className="text-xs">
            <RelTime atMs={service.updatedAtMs} />
          </span>
        </div>
      </div>
      <RowVerbs row={row} />
    </div>
  );
}
