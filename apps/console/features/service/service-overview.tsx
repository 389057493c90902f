'use client';

import clsx from 'clsx';
import { useTranslations } from 'use-intl';

import { useNodeOf } from '../../live/live.tsx';
import { nodeName, taskName } from '../../live/rows.ts';
import type { ServiceRow, TaskRow } from '../../live/rows.ts';
import { taskState } from '../../live/state.ts';
import type { ServiceSummary, Slot } from '../../live/state.ts';
import { CopyButton } from '../../ui/copy.tsx';
import { EntityLink } from '../../ui/page.tsx';
import { Bytes, Cpus, RelTime, useDuration } from '../../ui/quantity.tsx';
import { routes } from '../../ui/routes.ts';
import { Banner, Fact, Facts, Panel } from '../../ui/screens.tsx';
import { ImageName } from '../../ui/service-cells.tsx';
import { SlotBar } from '../../ui/slot-bar.tsx';
import { useStateLabel } from '../../ui/state-badge.tsx';
import { FAMILY_TEXT, StateGlyph } from '../../ui/state-glyph.tsx';
import { TaskVerbs } from '../../ui/task-verbs.tsx';
import { useWhy } from '../../ui/why.tsx';
import { LinkButton } from '../../ui/button.tsx';
import { RolloutStrip } from './rollout-strip.tsx';

const HISTORY_DOTS = 5;
const SLOTS_MAX = 120;

interface ServiceOverviewProps {
  readonly service: ServiceRow;
  readonly summary: ServiceSummary;
}

export function ServiceOverview({ service, summary }: ServiceOverviewProps) {
  const t = useTranslations('service');
  const s = useTranslations('services');
  const why = useWhy();
  const { culprit } = summary;
  return (
    <div className="space-y-4 px-4 py-4 sm:px-6">
      {culprit === undefined ? null : (
        <Banner
          tone={summary.state.family === 'bad' ? 'bad' : 'warn'}
          actions={
            <>
              <LinkButton href={routes.task({ id: culprit.id })}>{t('explain')}</LinkButton>
              <LinkButton href={routes.service({ name: service.spec.name, tab: 'logs' })}>
                {s('logs')}
              </LinkButton>
            </>
          }
        >
          <p className="font-semibold break-words">{why(culprit)}</p>
          <p className="text-muted">
            {t('culprit', { slot: culprit.slot })} <RelTime atMs={culprit.status.atMs} />
          </p>
        </Banner>
      )}
      <RolloutStrip service={service} summary={summary} />
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <Panel
          title={t('slots')}
          isFlush
          actions={
            <span className="flex items-center gap-3 pr-2">
              <SlotBar
                slots={summary.bar}
                label={s('tasksOf', { healthy: summary.healthy, desired: summary.desired })}
                className="w-32"
              />
              <span className="figures">
                {summary.healthy}
                <span className="text-muted">/{summary.desired}</span>
              </span>
            </span>
          }
        >
          <Slots summary={summary} />
        </Panel>
        <div className="min-w-0 space-y-4">
          <Panel title={t('runs')}>
            <RunFacts service={service} summary={summary} />
          </Panel>
        </div>
      </div>
    </div>
  );
}

function Slots({ summary }: { readonly summary: ServiceSummary }) {
  const t = useTranslations('service');
  const nodeOf = useNodeOf();
  if (summary.slots.length === 0) {
    return <p className="px-4 py-6 text-muted">{t('noTasks')}</p>;
  }
  return (
    <ul className="divide-y divide-line/60">
      {summary.slots.slice(0, SLOTS_MAX).map((slot) => (
        <SlotLine key={slot.key} slot={slot} nodeOf={nodeOf} />
      ))}
      {summary.slots.length > SLOTS_MAX ? (
        <li className="px-4 py-2 text-muted">
          {t('moreSlots', { count: summary.slots.length - SLOTS_MAX })}
        </li>
      ) : null}
    </ul>
  );
}

interface SlotLineProps {
  readonly slot: Slot;
  readonly nodeOf: ReturnType<typeof useNodeOf>;
}

function SlotLine({ slot, nodeOf }: SlotLineProps) {
  const label = useStateLabel();
  const why = useWhy();
  const t = useTranslations('service');
  const task = slot.current ?? slot.history[0];
  if (task === undefined) {
    return null;
  }
  const node = task.nodeId === undefined ? undefined : nodeOf(task.nodeId);
  const state = taskState(task, node);
  const isExplained = state.family === 'bad' || (state.family !== 'ok' && task.status.reason !== undefined);
  return (
    <li className="grid min-h-8 grid-cols-[3rem_11rem_minmax(0,1fr)_auto] items-center gap-x-3 px-4 py-1 max-sm:grid-cols-[3rem_1fr_auto]">
      <EntityLink href={routes.task({ id: task.id })} className="mono py-0.5">
        {slot.slot > 0 ? `.${String(slot.slot)}` : t('task')}
      </EntityLink>
      <span className={clsx('inline-flex items-center gap-1.5 font-medium', FAMILY_TEXT[state.family])}>
        <StateGlyph glyph={state.glyph} family={state.family} />
        {label(state)}
      </span>
      <span className="min-w-0 truncate max-sm:hidden">
        {node === undefined ? (
          <span className="text-muted">{t('noNode')}</span>
        ) : (
          <EntityLink href={routes.node({ name: nodeName(node) })} className="font-normal!">
            {nodeName(node)}
          </EntityLink>
        )}
      </span>
      <span className="flex items-center gap-3 text-xs text-muted">
        <HistoryDots history={slot.history} />
        <RelTime atMs={task.status.atMs} />
        <span className="-my-1 max-sm:hidden">
          <TaskVerbs task={task} name={taskName(task, node)} />
        </span>
      </span>
      {!isExplained ? null : (
        <p className="col-span-full text-xs break-words text-muted">
          <span aria-hidden="true">└ </span>
          {why(task)}
        </p>
      )}
    </li>
  );
}

/** The last five attempts of a slot, the newest right. */
function HistoryDots({ history }: { readonly history: readonly TaskRow[] }) {
  const t = useTranslations('service');
  const label = useStateLabel();
  const shown = history.slice(0, HISTORY_DOTS).toReversed();
  if (shown.length === 0) {
    return null;
  }
  return (
    <span
      role="img"
      aria-label={t('attempts', { list: shown.map((task) => label(taskState(task))).join(', ') })}
      className="flex items-center gap-1"
    >
      {shown.map((task) => {
        const state = taskState(task);
        return <StateGlyph key={task.id} glyph={state.glyph} family={state.family} size={9} />;
      })}
    </span>
  );
}

function RunFacts({ service, summary }: ServiceOverviewProps) {
  const t = useTranslations('service');
  const duration = useDuration();
  const { spec } = service;
  const { container, resources, restart, placement } = spec.task;
  const digest = container.image.split('@')[1];
  return (
    <Facts>
      <Fact name={t('image')}>
        <span className="inline-flex max-w-full items-center gap-1">
          <ImageName image={container.image} max={38} />
          <CopyButton text={container.image} label={t('copyImage')} className="-my-1" />
        </span>
      </Fact>
      {digest === undefined ? null : (
        <Fact name={t('digest')}>
          <code className="text-muted">{digest.slice(0, 19)}…</code>
        </Fact>
      )}
      <Fact name={t('mode')}>
        {spec.mode.type === 'replicated'
          ? t('modeReplicated', { count: spec.mode.replicas })
          : t(`modes.${spec.mode.type}`)}
      </Fact>
      {summary.stack === undefined ? null : (
        <Fact name={t('stack')}>
          <EntityLink href={routes.stack({ name: summary.stack })}>{summary.stack}</EntityLink>
        </Fact>
      )}
      <Fact name={t('reserved')}>
        <Amounts {...resources?.reservations} none={t('nothing')} />
      </Fact>
      <Fact name={t('limits')}>
        <Amounts {...resources?.limits} none={t('noLimit')} />
      </Fact>
      <Fact name={t('restart')}>
        {t(`restartOn.${restart?.condition ?? 'any'}`, { delay: duration((restart?.delayNs ?? 5e9) / 1e6) })}
      </Fact>
      {(placement?.constraints ?? []).length === 0 ? null : (
        <Fact name={t('constraints')}>
          {(placement?.constraints ?? []).map((constraint) => (
            <code key={constraint} className="block">
              {constraint}
            </code>
          ))}
        </Fact>
      )}
      <Fact name={t('update')}>
        <Policy update={spec.update} />
      </Fact>
      <Fact name={t('created')}>
        <RelTime atMs={service.createdAtMs} />
      </Fact>
      <Fact name={t('changed')}>
        <RelTime atMs={service.updatedAtMs} />
      </Fact>
    </Facts>
  );
}

interface AmountsProps {
  readonly nanoCpus?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly none: string;
}

function Amounts({ nanoCpus, memoryBytes, none }: AmountsProps) {
  if (nanoCpus === undefined && memoryBytes === undefined) {
    return <span className="text-muted">{none}</span>;
  }
  return (
    <span className="space-x-2">
      {nanoCpus === undefined ? null : <Cpus nanos={nanoCpus} />}
      {memoryBytes === undefined ? null : <Bytes value={memoryBytes} />}
    </span>
  );
}

/** The update policy in words. */
function Policy({ update }: { readonly update: ServiceRow['spec']['update'] }) {
  const t = useTranslations('service');
  const duration = useDuration();
  return t('updatePolicy', {
    count: update?.parallelism ?? 1,
    order: update?.order === 'start-first' ? 'startfirst' : 'stopfirst',
    delay: duration((update?.delayNs ?? 0) / 1e6),
    action: update?.failureAction ?? 'pause',
  });
}
