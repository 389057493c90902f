'use client';

import { Crown } from 'lucide-react';
import { memo } from 'react';
import { useTranslations } from 'use-intl';

import { useTasksOf } from '../../live/live.tsx';
import { nodeName } from '../../live/rows.ts';
import type { NodeRow } from '../../live/rows.ts';
import { isEnded, nodeState, taskState } from '../../live/state.ts';
import { EntityLink } from '../../ui/page.tsx';
import { routes } from '../../ui/routes.ts';
import { StateBadge } from '../../ui/state-badge.tsx';
import { FAMILY_FILL } from '../../ui/state-glyph.tsx';

const TILES_MAX = 160;

/** One node and its tasks as a field of tiles: where the work is, and where it hurts. */
const NodeTile = memo(function NodeTile({ node }: { readonly node: NodeRow }) {
  const t = useTranslations('overview');
  const tasks = useTasksOf('node', node.id).filter((task) => !isEnded(task));
  const families = tasks
    .toSorted((a, b) =>
      a.serviceName < b.serviceName ? -1 : a.serviceName > b.serviceName ? 1 : a.slot - b.slot,
    )
    .map((task) => ({ id: task.id, family: taskState(task, node).family }));
  return (
    <li className="min-w-0 border-r border-b border-line/60 px-4 py-3">
      <div className="flex items-center gap-1.5">
        <EntityLink href={routes.node({ name: nodeName(node) })} className="min-w-0 truncate">
          {nodeName(node)}
        </EntityLink>
        {node.manager?.isLeader === true ? (
          <Crown
            size={13}
            strokeWidth={1.75}
            className="shrink-0 text-muted"
            role="img"
            aria-label={t('leader')}
          />
        ) : null}
      </div>
      <div className="flex items-center justify-between gap-2 text-xs">
        <StateBadge state={nodeState(node)} />
        <span className="text-muted figures">{t('tasksHere', { count: tasks.length })}</span>
      </div>
      <div aria-hidden="true" className="mt-2 flex min-h-2.5 flex-wrap gap-0.5">
        {families.slice(0, TILES_MAX).map(({ id, family }) => (
          <span key={id} data-slot={family} className={`size-2.5 rounded-[2px] ${FAMILY_FILL[family]}`} />
        ))}
      </div>
    </li>
  );
});

export function NodeTiles({ nodes }: { readonly nodes: readonly NodeRow[] }) {
  return (
    <ul className="-mr-px -mb-px grid grid-cols-2 md:grid-cols-3">
      {nodes
        .toSorted((a, b) => (nodeName(a) < nodeName(b) ? -1 : 1))
        .map((node) => (
          <NodeTile key={node.id} node={node} />
        ))}
    </ul>
  );
}
