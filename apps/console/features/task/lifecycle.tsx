'use client';

import clsx from 'clsx';
import { useTranslations } from 'use-intl';

import type { TaskRow } from '../../live/rows.ts';
import type { ViewState } from '../../live/state.ts';
import { Clock, RelTime } from '../../ui/quantity.tsx';
import { FAMILY_FILL, FAMILY_TEXT, StateGlyph } from '../../ui/state-glyph.tsx';
import { useStateLabel } from '../../ui/state-badge.tsx';

const STEPS = ['new', 'pending', 'assigned', 'preparing', 'starting', 'running'] as const;
const RANK: Readonly<Record<TaskRow['status']['state'], number>> = {
  new: 0,
  pending: 1,
  assigned: 2,
  accepted: 2,
  preparing: 3,
  ready: 4,
  starting: 4,
  running: 5,
  complete: 6,
  shutdown: 6,
  failed: 6,
  rejected: 6,
  remove: 6,
  orphaned: 6,
};

/** How far an attempt got that ended without running, as far as its state can tell. */
function reached(task: TaskRow): number {
  const { state, container } = task.status;
  if (state === 'rejected') {
    return 3;
  }
  if (state === 'failed' && container?.containerId === undefined && container?.exitCode === undefined) {
    return 4;
  }
  return Math.min(RANK[state], 5);
}

/** The life of a task as a ribbon: what is behind it, where it stands, and where it ended. */
export function Lifecycle({ task, state }: { readonly task: TaskRow; readonly state: ViewState }) {
  const t = useTranslations('states.task');
  const label = useStateLabel();
  const l = useTranslations('task');
  const at = reached(task);
  const isOver = RANK[task.status.state] === 6;
  return (
    <div>
      <ol className="flex overflow-x-auto" aria-label={l('life')}>
        {STEPS.map((step, index) => {
          const isPast = index < at || (index === at && isOver && state.family !== 'bad');
          const isHere = index === at && !isOver;
          const isEnd = index === at && isOver && state.family === 'bad';
          return (
            <li key={step} aria-current={isHere ? 'step' : undefined} className="min-w-20 flex-1">
              <span
                aria-hidden="true"
                className={clsx(
                  'block h-1.5 border-r-2 border-surface',
                  isEnd ? 'bg-bad' : isHere ? FAMILY_FILL[state.family] : isPast ? 'bg-ok/60' : 'bg-line',
                )}
              />
              <span
                className={clsx(
                  'mt-1.5 flex items-center gap-1.5 text-xs',
                  isHere ? clsx('font-semibold', FAMILY_TEXT[state.family]) : isPast ? '' : 'text-muted',
                )}
              >
                {isHere ? <StateGlyph glyph={state.glyph} family={state.family} size={10} /> : null}
                {t(step)}
              </span>
            </li>
          );
        })}
        {isOver ? (
          <li aria-current="step" className="min-w-24 flex-1">
            <span aria-hidden="true" className={clsx('block h-1.5', FAMILY_FILL[state.family])} />
            <span
              className={clsx(
                'mt-1.5 flex items-center gap-1.5 text-xs font-semibold',
                FAMILY_TEXT[state.family],
              )}
            >
              <StateGlyph glyph={state.glyph} family={state.family} size={10} />
              {label(state)}
            </span>
          </li>
        ) : null}
      </ol>
      <p className="mt-3 text-xs text-muted">
        {l('createdAt')} <Clock atMs={task.createdAtMs} /> · {l('lastChange')}{' '}
        <Clock atMs={task.status.atMs} /> (
        <RelTime atMs={task.status.atMs} />)
      </p>
    </div>
  );
}
