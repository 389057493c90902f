'use client';

import { ServerCog } from 'lucide-react';
import { useMemo } from 'react';
import { useTranslations } from 'use-intl';

import { matchesFilter, parseFilter } from '../../live/filter.ts';
import { useIsLoaded, useRows, useTasksOf } from '../../live/live.tsx';
import { nodeName } from '../../live/rows.ts';
import type { NodeRow } from '../../live/rows.ts';
import { compareGravity, isEnded, nodeState, taskState } from '../../live/state.ts';
import { LinkButton } from '../../ui/button.tsx';
import { DataTable, Toolbar } from '../../ui/data-table.tsx';
import type { Column } from '../../ui/data-table.tsx';
import { FilterBox } from '../../ui/filter-box.tsx';
import { EntityLink, Page } from '../../ui/page.tsx';
import { Bytes, Cpus, RelTime } from '../../ui/quantity.tsx';
import { useQueryState } from '../../ui/query-state.ts';
import { routes } from '../../ui/routes.ts';
import { Loading, NoMatch } from '../../ui/screens.tsx';
import { SlotBar } from '../../ui/slot-bar.tsx';
import { StateBadge, useStateLabel } from '../../ui/state-badge.tsx';
import { useCan } from '../session/session.tsx';
import { NodeActions, NodeMenu, RoleName } from './node-actions.tsx';

const GRAVITY = { bad: 0, warn: 1, go: 2, wait: 3, ok: 4, off: 5 } as const;

export function NodesScreen() {
  return (
    <NodeActions>
      <Nodes />
    </NodeActions>
  );
}

function useColumns(): readonly Column<NodeRow>[] {
  const t = useTranslations('nodes');
  return useMemo(
    () => [
      {
        key: 'state',
        header: t('state'),
        width: '150px',
        cell: (node) => <StateBadge state={nodeState(node)} />,
        sort: (node) => `${String(GRAVITY[nodeState(node).family])} ${nodeName(node)}`,
      },
      {
        key: 'name',
        header: t('name'),
        cell: (node) => (
          <EntityLink href={routes.node({ name: nodeName(node) })} className="whitespace-nowrap">
            {nodeName(node)}
          </EntityLink>
        ),
        sort: nodeName,
      },
      {
        key: 'role',
        header: t('role'),
        width: '130px',
        cell: (node) => <RoleName node={node} />,
        sort: (node) => `${node.spec.role} ${node.manager?.isLeader === true ? '0' : '1'}`,
      },
      {
        key: 'tasks',
        header: t('tasks'),
        width: '190px',
        cell: (node) => <NodeTasks node={node} />,
      },
      {
        key: 'cpu',
        header: t('cpu'),
        width: '84px',
        align: 'end',
        hideBelow: 'lg',
        cell: (node) =>
          node.description === undefined ? null : <Cpus nanos={node.description.resources.nanoCpus} />,
        sort: (node) => node.description?.resources.nanoCpus ?? 0,
      },
      {
        key: 'memory',
        header: t('memory'),
        width: '96px',
        align: 'end',
        hideBelow: 'lg',
        cell: (node) =>
          node.description === undefined ? null : <Bytes value={node.description.resources.memoryBytes} />,
        sort: (node) => node.description?.resources.memoryBytes ?? 0,
      },
      {
        key: 'addr',
        header: t('address'),
        width: '120px',
        hideBelow: 'md',
        cell: (node) => <code>{node.status.addr}</code>,
        sort: (node) => node.status.addr,
      },
      {
        key: 'version',
        header: t('version'),
        width: '90px',
        hideBelow: 'xl',
        cell: (node) => <code className="text-muted">{node.description?.engine.version ?? ''}</code>,
      },
      {
        key: 'since',
        header: t('since'),
        width: '110px',
        hideBelow: 'xl',
        cell: (node) => (
          <span className="text-muted">
            <RelTime atMs={node.status.sinceMs ?? node.createdAtMs} />
          </span>
        ),
        sort: (node) => node.status.sinceMs ?? 0,
      },
    ],
    [t],
  );
}

function NodeTasks({ node }: { readonly node: NodeRow }) {
  const t = useTranslations('nodes');
  const tasks = useTasksOf('node', node.id).filter((task) => !isEnded(task));
  return (
    <span className="flex items-center gap-2">
      <SlotBar
        slots={tasks.map((task) => taskState(task, node).family)}
        label={t('tasksHere', { count: tasks.length })}
        className="w-32 shrink-0"
      />
      <span aria-hidden="true" className="figures">
        {tasks.length}
      </span>
    </span>
  );
}

function Nodes() {
  const t = useTranslations('nodes');
  const c = useTranslations('common');
  const isLoaded = useIsLoaded();
  const nodes = useRows('nodes');
  const label = useStateLabel();
  const canJoin = useCan('joinToken.read');
  const columns = useColumns();
  const [filter, setFilter] = useQueryState('q');
  const shown = useMemo(() => {
    const terms = parseFilter(filter);
    return nodes
      .filter((node) =>
        matchesFilter(terms, {
          name: nodeName(node),
          state: [label(nodeState(node)), nodeState(node).family],
          role: node.spec.role,
          addr: node.status.addr,
          label: Object.entries(node.spec.labels ?? {}).map(([key, value]) => `${key}=${value}`),
        }),
      )
      .toSorted(
        (a, b) =>
          compareGravity(nodeState(a).family, nodeState(b).family) || (nodeName(a) < nodeName(b) ? -1 : 1),
      );
  }, [nodes, filter, label]);
  return (
    <Page
      title={t('title')}
      actions={
        canJoin ? (
          <LinkButton
            href={routes.addNode()}
            tone="primary"
            icon={<ServerCog size={16} strokeWidth={1.75} />}
          >
            {t('addNode')}
          </LinkButton>
        ) : null
      }
    >
      {isLoaded ? (
        <>
          <Toolbar>
            <FilterBox
              value={filter}
              onChange={setFilter}
              label={t('filter')}
              placeholder={t('filterHint')}
            />
            <span className="text-muted figures">
              {c('shownOf', { shown: shown.length, total: nodes.length })}
            </span>
          </Toolbar>
          {shown.length === 0 ? (
            <NoMatch filter={filter} onClear={() => setFilter('')} />
          ) : (
            <DataTable
              label={t('title')}
              columns={columns}
              rows={shown}
              rowKey={(node) => node.id}
              rowHref={(node) => routes.node({ name: nodeName(node) })}
              note={(node) =>
                nodeState(node).family === 'ok' || (node.status.message ?? '') === '' ? null : (
                  <span className="text-muted">└ {node.status.message}</span>
                )
              }
              verbs={(node) => <NodeMenu node={node} />}
              card={(node) => (
                <div className="flex items-start gap-2">
                  <div className="min-w-0 flex-1 space-y-1">
                    <div className="flex items-baseline justify-between gap-3">
                      <EntityLink
                        href={routes.node({ name: nodeName(node) })}
                        className="truncate py-1 text-base"
                      >
                        {nodeName(node)}
                      </EntityLink>
                      <StateBadge state={nodeState(node)} />
                    </div>
                    <div className="flex items-center justify-between gap-3 text-muted">
                      <NodeTasks node={node} />
                      <RoleName node={node} />
                    </div>
                  </div>
                  <NodeMenu node={node} />
                </div>
              )}
            />
          )}
        </>
      ) : (
        <Loading />
      )}
    </Page>
  );
}
