'use client';

import { useSearchParams } from 'next/navigation';
import { useMemo, useState } from 'react';
import { useFormatter, useTranslations } from 'use-intl';

import { useIsLoaded, useRows, useTasksOf } from '../../live/live.tsx';
import { nodeName } from '../../live/rows.ts';
import type { NodeRow } from '../../live/rows.ts';
import { isEnded, nodeState } from '../../live/state.ts';
import { LinkButton } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy.tsx';
import { Page, Tabs } from '../../ui/page.tsx';
import { Bytes, Cpus, RelTime } from '../../ui/quantity.tsx';
import { routes } from '../../ui/routes.ts';
import { Banner, Empty, Fact, Facts, Loading, Panel } from '../../ui/screens.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TasksTable } from '../../ui/tasks-table.tsx';
import { NodeActions, NodeMenu, NodeVerbButton, RoleName } from './node-actions.tsx';
import { NodeFill } from './node-fill.tsx';
import { NodeLabels } from './node-labels.tsx';

export function NodeScreen() {
  return (
    <NodeActions>
      <Find />
    </NodeActions>
  );
}

function Find() {
  const t = useTranslations('nodes');
  const search = useSearchParams();
  const name = search.get('name') ?? '';
  const nodes = useRows('nodes');
  const isLoaded = useIsLoaded();
  const found = useMemo(
    () => nodes.find((node) => nodeName(node) === name || node.id === name),
    [nodes, name],
  );
  const [last, setLast] = useState<NodeRow>();
  if (found !== undefined && found !== last) {
    setLast(found);
  }
  const node = found ?? (last !== undefined && nodeName(last) === name ? last : undefined);
  const crumbs = [{ label: t('title'), href: routes.nodes() }];
  if (!isLoaded || node === undefined) {
    return (
      <Page title={name} crumbs={crumbs}>
        {isLoaded ? (
          <Empty
            title={t('unknown', { name })}
            action={<LinkButton href={routes.nodes()}>{t('toList')}</LinkButton>}
          >
            {t('unknownText')}
          </Empty>
        ) : (
          <Loading />
        )}
      </Page>
    );
  }
  return (
    <Known
      node={node}
      isGone={found === undefined}
      tab={search.get('tab') === 'tasks' ? 'tasks' : 'overview'}
    />
  );
}

interface KnownProps {
  readonly node: NodeRow;
  readonly isGone: boolean;
  readonly tab: 'overview' | 'tasks';
}

function Known({ node, isGone, tab }: KnownProps) {
  const t = useTranslations('nodes');
  const c = useTranslations('common');
  const name = nodeName(node);
  const tasks = useTasksOf('node', node.id);
  const running = tasks.filter((task) => !isEnded(task)).length;
  return (
    <Page
      title={name}
      crumbs={[{ label: t('title'), href: routes.nodes() }]}
      aside={
        <span className="flex items-center gap-4">
          <StateBadge state={nodeState(node)} />
          <span className="text-muted">
            <RoleName node={node} />
          </span>
        </span>
      }
      actions={
        isGone ? null : (
          <>
            <NodeVerbButton node={node} />
            <NodeMenu node={node} isPlain />
          </>
        )
      }
      tabs={
        <Tabs
          label={t('tabsLabel')}
          current={tab}
          tabs={[
            { key: 'overview', label: t('tabs.overview'), href: routes.node({ name }) },
            {
              key: 'tasks',
              label: t('tabs.tasks'),
              href: routes.node({ name, tab: 'tasks' }),
              count: running,
            },
          ]}
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
      {tab === 'tasks' ? <TasksTable tasks={tasks} label={t('tabs.tasks')} /> : <Overview node={node} />}
    </Page>
  );
}

function Overview({ node }: { readonly node: NodeRow }) {
  const t = useTranslations('nodes');
  const format = useFormatter();
  const state = nodeState(node);
  return (
    <div className="space-y-4 px-4 py-4 sm:px-6">
      {state.family === 'bad' ? (
        <Banner tone="bad">
          <p className="font-semibold">
            {t('silent')} {node.status.sinceMs === undefined ? null : <RelTime atMs={node.status.sinceMs} />}
          </p>
          <p className="text-muted">{node.status.message ?? ''}</p>
        </Banner>
      ) : null}
      <NodeFill node={node} />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Panel title={t('machine')}>
          <Facts>
            <Fact name={t('id')}>
              <code>{node.id}</code>
              <CopyButton text={node.id} className="-my-1.5" />
            </Fact>
            <Fact name={t('address')}>
              <code>{node.status.addr}</code>
            </Fact>
            <Fact name={t('platform')}>
              {[node.description?.platform.os, node.description?.platform.architecture]
                .filter((part) => part !== undefined)
                .join(' / ')}
            </Fact>
            {node.description === undefined ? null : (
              <>
                <Fact name={t('cpu')}>
                  <Cpus nanos={node.description.resources.nanoCpus} />
                </Fact>
                <Fact name={t('memory')}>
                  <Bytes value={node.description.resources.memoryBytes} />
                </Fact>
                <Fact name={t('version')}>
                  <code>{node.description.engine.version}</code>
                </Fact>
              </>
            )}
            <Fact name={t('joined')}>
              <RelTime atMs={node.createdAtMs} />
            </Fact>
          </Facts>
        </Panel>
        <div className="space-y-4">
          <NodeLabels node={node} />
          {node.certificate === undefined && node.manager === undefined ? null : (
            <Panel title={t('trust')}>
              <Facts>
                {node.manager === undefined ? null : (
                  <>
                    <Fact name={t('reachability')}>{t(`reach.${node.manager.reachability}`)}</Fact>
                    <Fact name={t('managerAddress')}>
                      <code>{node.manager.addr}</code>
                    </Fact>
                  </>
                )}
                {node.certificate === undefined ? null : (
                  <>
                    <Fact name={t('certificateEnds')}>
                      {format.dateTime(node.certificate.expiresAtMs, { dateStyle: 'long' })}
                    </Fact>
                    <Fact name={t('fingerprint')}>
                      <code className="break-all">{node.certificate.fingerprint}</code>
                    </Fact>
                  </>
                )}
              </Facts>
            </Panel>
          )}
        </div>
      </div>
    </div>
  );
}
