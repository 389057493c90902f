'use client';

import clsx from 'clsx';
import { useTranslations } from 'use-intl';

import { useNow } from '../../live/clock.ts';
import { useNodeOf } from '../../live/live.tsx';
import type { ServiceRow, TaskRow } from '../../live/rows.ts';
import { isWanted, taskState } from '../../live/state.ts';
import type { ServiceSummary } from '../../live/state.ts';
import { Button } from '../../ui/button.tsx';
import { useDuration } from '../../ui/quantity.tsx';
import { SlotBar } from '../../ui/slot-bar.tsx';
import { StateBadge, useStateLabel } from '../../ui/state-badge.tsx';
import { FAMILY_TEXT, StateGlyph } from '../../ui/state-glyph.tsx';
import { useBlocked } from '../session/blocked.ts';
import { useServiceVerb } from '../services/service-actions.tsx';

const TILES_MAX = 60;
/** A finished rollout stays on the page this long. */
const AFTERGLOW_MS = 60_000;

interface LaneProps {
  readonly title: string;
  readonly tasks: readonly TaskRow[];
  readonly isOld: boolean;
}

function Lane({ title, tasks, isOld }: LaneProps) {
  const nodeOf = useNodeOf();
  const label = useStateLabel();
  const states = tasks.map((task) => ({
    task,
    state: taskState(task, task.nodeId === undefined ? undefined : nodeOf(task.nodeId)),
  }));
  return (
    <div className="min-w-0 flex-1">
      <h3 className="mb-1.5 text-xs text-muted">
        {title} <span className="figures">{tasks.length}</span>
      </h3>
      {tasks.length > TILES_MAX ? (
        <SlotBar slots={states.map(({ state }) => state.family)} label={title} size="large" />
      ) : (
        <ul className="flex min-h-7 flex-wrap gap-1">
          {states.map(({ task, state }) => (
            <li
              key={task.id}
              className={clsx(
                'inline-flex h-7 animate-rise items-center gap-1.5 rounded-sm border border-line px-2 text-xs',
                isOld && 'opacity-70',
                FAMILY_TEXT[state.family],
              )}
            >
              <StateGlyph glyph={state.glyph} family={state.family} size={10} />
              <span className="font-mono text-text">{task.slot > 0 ? `.${String(task.slot)}` : '·'}</span>
              <span className={state.family === 'ok' ? 'sr-only' : ''}>{label(state)}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

interface RolloutStripProps {
  readonly service: ServiceRow;
  readonly summary: ServiceSummary;
}

/** The rollout while it runs, is paused, or has just ended: two lanes, progress, and the way back. */
export function RolloutStrip({ service, summary }: RolloutStripProps) {
  const t = useTranslations('service');
  const s = useTranslations('services');
  const duration = useDuration();
  const ask = useServiceVerb();
  const operate = useBlocked('service.operate');
  const nowMs = useNow(1_000);
  const nodeOf = useNodeOf();
  const { updateStatus } = service;
  const endedMs = updateStatus?.completedAtMs ?? 0;
  const isRunning =
    updateStatus !== undefined && !['completed', 'rollback_completed'].includes(updateStatus.state);
  if (updateStatus === undefined || (!isRunning && nowMs - endedMs > AFTERGLOW_MS)) {
    return null;
  }
  const tasks = summary.slots
    .flatMap((slot) => [slot.current, ...slot.history])
    .filter((task) => task !== undefined);
  const isLost = (task: TaskRow) =>
    task.nodeId !== undefined && nodeOf(task.nodeId)?.status.state !== 'ready';
  const living = tasks.filter((task) => isWanted(task) || (task.status.state === 'running' && !isLost(task)));
  const isNew = (task: TaskRow) => task.specVersion === service.specVersion;
  const fresh = living.filter((task) => isNew(task) && isWanted(task)).toSorted((a, b) => a.slot - b.slot);
  const old = living.filter((task) => !isNew(task)).toSorted((a, b) => a.slot - b.slot);
  const done = fresh.filter((task) => taskState(task).family === 'ok').length;
  const elapsed = duration((isRunning ? nowMs : endedMs) - updateStatus.startedAtMs);
  return (
    <section aria-label={t('rollout')} className="rounded-md border border-line bg-surface">
      <header className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line px-4 py-2">
        <h2 className="font-semibold">{t('rollout')}</h2>
        {isRunning ? (
          <StateBadge state={summary.state} />
        ) : (
          <StateBadge
            state={
              updateStatus.state === 'completed'
                ? { family: 'ok', glyph: 'complete', label: 'rollout.completed' }
                : { family: 'warn', glyph: 'rolled-back', label: 'rollout.rolledBack' }
            }
          />
        )}
        <span className="text-muted figures">
          {t('rolloutProgress', { done, total: summary.desired, elapsed })}
        </span>
        <span className="flex-1" />
        {service.previousSpec !== undefined && !updateStatus.state.startsWith('rollback') ? (
          <Button
            blocked={operate}
            onClick={() => {
              ask('rollback', service);
            }}
          >
            {s('rollback')}
          </Button>
        ) : null}
      </header>
      <div className="space-y-3 px-4 py-3">
        <SlotBar
          slots={[
            ...fresh.map((task) => taskState(task).family),
            ...Array.from({ length: Math.max(0, summary.desired - fresh.length) }, () => 'wait' as const),
          ]}
          label={t('rolloutProgress', { done, total: summary.desired, elapsed })}
          size="large"
        />
        <div className="flex flex-wrap gap-4">
          <Lane title={t('oldVersion')} tasks={old} isOld />
          <Lane title={t('newVersion')} tasks={fresh} isOld={false} />
        </div>
        <p aria-live="polite" className="text-xs text-muted">
          {updateStatus.message}
        </p>
      </div>
    </section>
  );
}
