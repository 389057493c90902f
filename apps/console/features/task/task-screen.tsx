'use client';

import { useSearchParams } from 'next/navigation';
import { lazy, Suspense, useState } from 'react';
import { useTranslations } from 'use-intl';

import { useIsLoaded, useRow, useRows, useTasksOf } from '../../live/live.tsx';
import { nodeName, taskName } from '../../live/rows.ts';
import type { TaskRow } from '../../live/rows.ts';
import { isEnded, slotsOf, taskState } from '../../live/state.ts';
import { LinkButton } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy.tsx';
import { EntityLink, Page, Tabs } from '../../ui/page.tsx';
import { RelTime } from '../../ui/quantity.tsx';
import { routes } from '../../ui/routes.ts';
import { Banner, Empty, Fact, Facts, Loading, Panel } from '../../ui/screens.tsx';
import { ImageName } from '../../ui/service-cells.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { useExitMeaning, useWhy } from '../../ui/why.tsx';
import { useBlocked } from '../session/blocked.ts';
import { Lifecycle } from './lifecycle.tsx';

const LogViewer = lazy(() =>
  import('../../ui/log-viewer.tsx').then((module) => ({ default: module.LogViewer })),
);

const TaskShell = lazy(() => import('./task-shell.tsx').then((module) => ({ default: module.TaskShell })));

const TABS = ['overview', 'logs', 'shell'] as const;

export function TaskScreen() {
  const t = useTranslations('task');
  const search = useSearchParams();
  const id = search.get('id') ?? '';
  const isLoaded = useIsLoaded();
  const found = useRow('tasks', id);
  const [last, setLast] = useState<TaskRow>();
  if (found !== undefined && found !== last) {
    setLast(found);
  }
  const task = found ?? (last?.id === id ? last : undefined);
  if (!isLoaded) {
    return (
      <Page title={t('title')}>
        <Loading />
      </Page>
    );
  }
  if (task === undefined) {
    return (
      <Page title={t('title')}>
        <Empty
          title={t('unknown')}
          action={<LinkButton href={routes.services()}>{t('toServices')}</LinkButton>}
        >
          {t('unknownText')}
        </Empty>
      </Page>
    );
  }
  return (
    <Known
      task={task}
      isGone={found === undefined}
      tab={TABS.find((key) => key === search.get('tab')) ?? 'overview'}
    />
  );
}

interface KnownProps {
  readonly task: TaskRow;
  readonly isGone: boolean;
  readonly tab: (typeof TABS)[number];
}

function Known({ task, isGone, tab }: KnownProps) {
  const t = useTranslations('task');
  const c = useTranslations('common');
  const s = useTranslations('services');
  const node = useRow('nodes', task.nodeId);
  const name = taskName(task, node);
  return (
    <Page
      title={name}
      crumbs={[
        { label: s('title'), href: routes.services() },
        { label: task.serviceName, href: routes.service({ name: task.serviceName }) },
      ]}
      aside={<StateBadge state={taskState(task, node)} />}
      tabs={
        <Tabs
          label={t('tabsLabel')}
          current={tab}
          tabs={TABS.map((key) => ({
            key,
            label: t(`tabs.${key}`),
            href: routes.task({ id: task.id, tab: key === 'overview' ? '' : key }),
          }))}
        />
      }
    >
      {isGone ? (
        <div className="px-4 pt-4 sm:px-6">
          <Banner tone="off" role="status">
            {c('gone', { name })}
          </Banner>
        </div>
      ) : null}
      {tab === 'logs' ? (
        <div className="flex h-[calc(100dvh-190px)] min-h-80 flex-col">
          <Suspense fallback={<Loading />}>
            <LogViewer select={{ tasks: [task.id], previous: true }} name={name} />
          </Suspense>
        </div>
      ) : null}
      {tab === 'shell' ? <ShellTab task={task} name={name} /> : null}
      {tab === 'overview' ? <Overview task={task} /> : null}
    </Page>
  );
}

/** The shell of a task that runs; for one that does not, the way to the one that runs in its place. */
function ShellTab({ task, name }: { readonly task: TaskRow; readonly name: string }) {
  const t = useTranslations('terminal');
  const blocked = useBlocked('task.exec');
  const heir = useTasksOf('service', task.serviceId).find(
    (each) => each.slot === task.slot && each.id !== task.id && each.status.state === 'running',
  );
  // A shell that is open stays on the page when its task ends: its last words are why.
  const [wasRunning, setWasRunning] = useState(false);
  if (task.status.state === 'running' && !wasRunning) {
    setWasRunning(true);
  }
  if (task.status.state !== 'running' && !wasRunning) {
    return (
      <Empty
        title={t('needsRunning')}
        action={
          heir === undefined ? null : (
            <LinkButton href={routes.task({ id: heir.id, tab: 'shell' })}>{t('otherTask')}</LinkButton>
          )
        }
      >
        {t('needsRunningText')}
      </Empty>
    );
  }
  return (
    <div className="flex h-[calc(100dvh-190px)] min-h-80 flex-col">
      <Suspense fallback={<Loading />}>
        <TaskShell task={task} name={name} blocked={blocked} />
      </Suspense>
    </div>
  );
}

function Overview({ task }: { readonly task: TaskRow }) {
  const t = useTranslations('task');
  const node = useRow('nodes', task.nodeId);
  const state = taskState(task, node);
  const isTroubled = state.family === 'bad' || (state.family === 'wait' && task.status.reason !== undefined);
  return (
    <div className="space-y-4 px-4 py-4 sm:px-6">
      <Panel title={t('life')}>
        <Lifecycle task={task} state={state} />
      </Panel>
      {isTroubled || task.status.state === 'complete' ? (
        <WhyCard task={task} isBad={state.family === 'bad'} />
      ) : null}
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Panel title={t('where')}>
          <Where task={task} />
        </Panel>
        <Panel title={t('attempts')} isFlush>
          <Attempts task={task} />
        </Panel>
      </div>
    </div>
  );
}

/** Headline, evidence, and the raw words of the engine behind a disclosure. */
function WhyCard({ task, isBad }: { readonly task: TaskRow; readonly isBad: boolean }) {
  const t = useTranslations('task');
  const why = useWhy();
  const meaning = useExitMeaning();
  const { container, err, message } = task.status;
  const code = container?.exitCode;
  const raw = [message, err].filter((text) => text !== undefined && text !== '').join('\n');
  return (
    <Banner
      tone={isBad ? 'bad' : 'warn'}
      actions={
        <>
          <LinkButton href={routes.task({ id: task.id, tab: 'logs' })}>{t('lastLogs')}</LinkButton>
          <LinkButton href={routes.service({ name: task.serviceName, tab: 'config' })}>
            {t('openConfig')}
          </LinkButton>
        </>
      }
    >
      <h2 className="text-md font-semibold break-words">{why(task)}</h2>
      {code === undefined ? null : (
        <p className="figures">
          {t('exitCode', { code: String(code) })}
          {meaning(code) === undefined ? null : <span className="text-muted"> · {meaning(code)}</span>}
        </p>
      )}
      {container?.oomKilled === true ? <p>{t('oom')}</p> : null}
      <details className="mt-1">
        <summary className="inline-block rounded-sm text-xs text-muted underline-offset-2 hover:underline">
          {t('raw')}
        </summary>
        <div className="mt-1 flex items-start gap-1">
          <pre className="min-w-0 flex-1 break-words whitespace-pre-wrap">{raw}</pre>
          <CopyButton text={raw} />
        </div>
      </details>
    </Banner>
  );
}

function Where({ task }: { readonly task: TaskRow }) {
  const t = useTranslations('task');
  const node = useRow('nodes', task.nodeId);
  const networks = useRows('networks');
  const { container } = task.status;
  return (
    <Facts>
      <Fact name={t('node')}>
        {node === undefined ? (
          t('noNode')
        ) : (
          <EntityLink href={routes.node({ name: nodeName(node) })}>{nodeName(node)}</EntityLink>
        )}
      </Fact>
      <Fact name={t('image')}>
        <ImageName image={task.image} max={46} />
      </Fact>
      <Fact name={t('id')}>
        <code>{task.id}</code>
        <CopyButton text={task.id} className="-my-1.5" />
      </Fact>
      {container?.containerId === undefined ? null : (
        <Fact name={t('container')}>
          <code>{container.containerId.slice(0, 12)}</code>
          <CopyButton text={container.containerId} className="-my-1.5" />
        </Fact>
      )}
      {container?.health === undefined || container.health === 'none' ? null : (
        <Fact name={t('health')}>{t(`healthStates.${container.health}`)}</Fact>
      )}
      {task.networks.map((attachment) => (
        <Fact
          key={attachment.networkId}
          name={networks.find((network) => network.id === attachment.networkId)?.spec.name ?? t('network')}
        >
          <code>{attachment.addresses.join(', ')}</code>
        </Fact>
      ))}
      <Fact name={t('desired')}>{task.desiredState}</Fact>
      <Fact name={t('created')}>
        <RelTime atMs={task.createdAtMs} />
      </Fact>
    </Facts>
  );
}

/** Earlier and later attempts of the same slot. */
function Attempts({ task }: { readonly task: TaskRow }) {
  const t = useTranslations('task');
  const why = useWhy();
  const siblings = useTasksOf('service', task.serviceId);
  const slot = slotsOf(siblings).find(
    (each) => each.current?.id === task.id || each.history.some(({ id }) => id === task.id),
  );
  const attempts = [slot?.current, ...(slot?.history ?? [])].filter((each) => each !== undefined);
  return (
    <ul className="divide-y divide-line/60">
      {attempts.map((attempt) => (
        <li key={attempt.id} className="px-4 py-2">
          <div className="flex items-baseline justify-between gap-3">
            <StateBadge state={taskState(attempt)} />
            {attempt.id === task.id ? (
              <span className="text-xs text-muted">{t('thisOne')}</span>
            ) : (
              <EntityLink href={routes.task({ id: attempt.id })} className="mono">
                {attempt.id.slice(0, 12)}
              </EntityLink>
            )}
            <span className="text-xs text-muted">
              <RelTime atMs={attempt.status.atMs} />
            </span>
          </div>
          {isEnded(attempt) && attempt.status.state !== 'shutdown' ? (
            <p className="truncate text-xs text-muted">{why(attempt)}</p>
          ) : null}
        </li>
      ))}
    </ul>
  );
}
