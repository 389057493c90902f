'use client';

import { useRouter } from 'next/navigation';
import { useMemo } from 'react';
import { useTranslations } from 'use-intl';

import { matchesFilter, parseFilter } from '../live/filter.ts';
import { useNodeOf } from '../live/live.tsx';
import { nodeName, taskName } from '../live/rows.ts';
import type { NodeRow, TaskRow } from '../live/rows.ts';
import { isEnded, taskState } from '../live/state.ts';
import type { ViewState } from '../live/state.ts';
import { DataTable, Toolbar } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { FilterBox } from './filter-box.tsx';
import { EntityLink } from './page.tsx';
import { RelTime } from './quantity.tsx';
import { useQueryState } from './query-state.ts';
import { routes } from './routes.ts';
import { NoMatch } from './screens.tsx';
import { ImageName } from './service-cells.tsx';
import { StateBadge, useStateLabel } from './state-badge.tsx';
import { TaskVerbs } from './task-verbs.tsx';
import { useWhy } from './why.tsx';

interface Line {
  readonly task: TaskRow;
  readonly node: NodeRow | undefined;
  readonly state: ViewState;
}

/** Tasks with the reason of each that is not well, where it is listed. */
export function TasksTable({ tasks, label }: { readonly tasks: readonly TaskRow[]; readonly label: string }) {
  const t = useTranslations('tasks');
  const c = useTranslations('common');
  const router = useRouter();
  const nodeOf = useNodeOf();
  const why = useWhy();
  const stateLabel = useStateLabel();
  const [filter, setFilter] = useQueryState('q');
  const lines = useMemo<readonly Line[]>(
    () =>
      tasks
        .map((task) => {
          const node = task.nodeId === undefined ? undefined : nodeOf(task.nodeId);
          return { task, node, state: taskState(task, node) };
        })
        .toSorted(
          (a, b) =>
            Number(isEnded(a.task)) - Number(isEnded(b.task)) ||
            a.task.slot - b.task.slot ||
            b.task.createdAtMs - a.task.createdAtMs,
        ),
    [tasks, nodeOf],
  );
  const shown = useMemo(() => {
    const terms = parseFilter(filter);
    return lines.filter(({ task, node, state }) =>
      matchesFilter(terms, {
        name: taskName(task, node),
        state: [stateLabel(state), state.family, task.status.state],
        node: node === undefined ? undefined : nodeName(node),
        image: task.image,
        id: task.id,
      }),
    );
  }, [lines, filter, stateLabel]);
  const columns = useMemo<readonly Column<Line>[]>(
    () => [
      {
        key: 'state',
        header: t('state'),
        width: '168px',
        cell: ({ state }) => <StateBadge state={state} />,
        sort: ({ state }) => state.label,
      },
      {
        key: 'name',
        header: t('task'),
        cell: ({ task, node }) => (
          <EntityLink href={routes.task({ id: task.id })} className="whitespace-nowrap">
            {taskName(task, node)}
          </EntityLink>
        ),
        sort: ({ task, node }) => taskName(task, node),
      },
      {
        key: 'node',
        header: t('node'),
        width: '180px',
        cell: ({ node }) =>
          node === undefined ? (
            <span className="text-muted">{t('noNode')}</span>
          ) : (
            <EntityLink href={routes.node({ name: nodeName(node) })} className="font-normal!">
              {nodeName(node)}
            </EntityLink>
          ),
        sort: ({ node }) => (node === undefined ? '' : nodeName(node)),
      },
      {
        key: 'image',
        header: t('image'),
        width: '280px',
        hideBelow: 'lg',
        cell: ({ task }) => <ImageName image={task.image} />,
      },
      {
        key: 'since',
        header: t('since'),
        width: '120px',
        cell: ({ task }) => (
          <span className="text-muted">
            <RelTime atMs={task.status.atMs} />
          </span>
        ),
        sort: ({ task }) => task.status.atMs,
      },
      {
        key: 'id',
        header: t('id'),
        width: '120px',
        hideBelow: 'xl',
        cell: ({ task }) => <code className="text-muted">{task.id.slice(0, 12)}</code>,
      },
    ],
    [t],
  );
  const reason = ({ task, state }: Line) =>
    state.family === 'bad' || (state.family === 'wait' && task.status.reason !== undefined) ? (
      <span className="flex gap-1.5">
        <span aria-hidden="true" className="text-muted">
          └
        </span>
        <span className="truncate">{why(task)}</span>
      </span>
    ) : null;
  return (
    <>
      <div className="pt-3">
        <Toolbar>
          <FilterBox value={filter} onChange={setFilter} label={t('filter')} placeholder={t('filterHint')} />
          <span className="text-muted figures">
            {c('shownOf', { shown: shown.length, total: lines.length })}
          </span>
        </Toolbar>
      </div>
      {shown.length === 0 && filter !== '' ? (
        <NoMatch filter={filter} onClear={() => setFilter('')} />
      ) : (
        <DataTable
          label={label}
          columns={columns}
          rows={shown}
          rowKey={({ task }) => task.id}
          rowHref={({ task }) => routes.task({ id: task.id })}
          note={reason}
          keys={{
            l: ({ task }) => router.push(routes.task({ id: task.id, tab: 'logs' })),
            x: ({ task }) => router.push(routes.task({ id: task.id, tab: 'shell' })),
          }}
          verbs={({ task, node }) => <TaskVerbs task={task} name={taskName(task, node)} />}
          isDim={({ task }) => isEnded(task)}
          card={({ task, node, state }) => (
            <div className="space-y-0.5">
              <div className="flex items-baseline justify-between gap-3">
                <EntityLink href={routes.task({ id: task.id })} className="truncate py-1">
                  {taskName(task, node)}
                </EntityLink>
                <StateBadge state={state} />
              </div>
              <p className="flex justify-between gap-3 text-xs text-muted">
                <span>{node === undefined ? t('noNode') : nodeName(node)}</span>
                <RelTime atMs={task.status.atMs} />
              </p>
              {state.family === 'bad' ? <p className="text-xs">{why(task)}</p> : null}
            </div>
          )}
        />
      )}
    </>
  );
}
