'use client';

import { FilePen, Trash2 } from 'lucide-react';
import { useRouter, useSearchParams } from 'next/navigation';
import { lazy, Suspense, useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAsk } from '../../api/use-call.ts';
import type { SummarisedService } from '../../live/attention.ts';
import { useIsLoaded, useRows, useSettled } from '../../live/live.tsx';
import { stackOf } from '../../live/rows.ts';
import { Button, LinkButton } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy.tsx';
import { EntityLink, Page, Tabs } from '../../ui/page.tsx';
import { RelTime } from '../../ui/quantity.tsx';
import { toProblem } from '../../ui/problem.tsx';
import { routes } from '../../ui/routes.ts';
import { Empty, ErrorState, Loading, Panel } from '../../ui/screens.tsx';
import { ImageName, PortsCell, TasksCell } from '../../ui/service-cells.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { useWhy } from '../../ui/why.tsx';
import { YamlEditor } from '../../ui/yaml-editor.tsx';
import { useBlocked } from '../session/blocked.ts';
import { useStacks } from './stacks-screen.tsx';
import type { StackLine } from './stacks-screen.tsx';

const ConfirmRemoval = lazy(() =>
  import('../../ui/confirm-removal.tsx').then((module) => ({ default: module.ConfirmRemoval })),
);

export function StackScreen() {
  const t = useTranslations('stacks');
  const search = useSearchParams();
  const name = search.get('name') ?? '';
  const isLoaded = useIsLoaded();
  const line = useStacks().find((each) => each.name === name);
  const crumbs = [{ label: t('title'), href: routes.stacks() }];
  if (!isLoaded || line === undefined) {
    return (
      <Page title={name} crumbs={crumbs}>
        {isLoaded ? (
          <Empty
            title={t('unknown', { name })}
            action={<LinkButton href={routes.stacks()}>{t('toList')}</LinkButton>}
          >
            {t('unknownText')}
          </Empty>
        ) : (
          <Loading />
        )}
      </Page>
    );
  }
  return <Known line={line} tab={search.get('tab') === 'source' ? 'source' : 'services'} />;
}

function Known({ line, tab }: { readonly line: StackLine; readonly tab: 'services' | 'source' }) {
  const t = useTranslations('stacks');
  const c = useTranslations('common');
  const router = useRouter();
  const settled = useSettled();
  const blocked = useBlocked('stack.write');
  const [isRemoving, setRemoving] = useState(false);
  const { name, stack } = line;
  return (
    <Page
      title={name}
      crumbs={[{ label: t('title'), href: routes.stacks() }]}
      aside={
        <span className="flex flex-wrap items-center gap-4">
          <StateBadge state={line.state} />
          {stack === undefined ? null : (
            <span className="text-muted">
              <code className="text-text">v{stack.revision}</code> <RelTime atMs={stack.updatedAtMs} />{' '}
              {t('by', { name: stack.deployedBy.replace(/^user:/, '') })}
            </span>
          )}
        </span>
      }
      actions={
        <>
          <LinkButton href={routes.newStack({ from: name })} icon={<FilePen size={14} strokeWidth={1.75} />}>
            {t('edit')}
          </LinkButton>
          <Button
            tone="danger"
            icon={<Trash2 size={14} strokeWidth={1.75} />}
            blocked={blocked}
            onClick={() => {
              setRemoving(true);
            }}
          >
            {c('remove')}
          </Button>
        </>
      }
      tabs={
        <Tabs
          label={t('tabsLabel')}
          current={tab}
          tabs={[
            {
              key: 'services',
              label: t('tabs.services'),
              href: routes.stack({ name }),
              count: line.services.length,
            },
            { key: 'source', label: t('tabs.source'), href: routes.stack({ name, tab: 'source' }) },
          ]}
        />
      }
    >
      {tab === 'services' ? <Services line={line} /> : <Source name={name} revision={stack?.revision} />}
      {isRemoving ? (
        <Suspense>
          <ConfirmRemoval
            title={t('removeTitle', { name })}
            text={t('removeText', { count: line.services.length })}
            typeName={name}
            command={`swarm stack rm ${name}`}
            onClose={() => {
              setRemoving(false);
            }}
            act={async () => {
              const { rev } = await call('removeStack', { params: { stack: name } });
              await settled(rev);
              router.push(routes.stacks());
            }}
          />
        </Suspense>
      ) : null}
    </Page>
  );
}

function Services({ line }: { readonly line: StackLine }) {
  const t = useTranslations('stacks');
  const networks = useRows('networks').filter((network) => stackOf(network.spec.labels) === line.name);
  return (
    <div className="space-y-4 px-4 py-4 sm:px-6">
      <ul className="divide-y divide-line/60 rounded-md border border-line bg-surface">
        {line.services.map((each) => (
          <ServiceLine key={each.service.id} each={each} prefix={`${line.name}_`} />
        ))}
        {line.services.length === 0 ? <li className="px-4 py-6 text-muted">{t('noServices')}</li> : null}
      </ul>
      {networks.length === 0 ? null : (
        <Panel title={t('networks')}>
          <ul className="space-y-1">
            {networks.map((network) => (
              <li key={network.id} className="flex gap-4">
                <span className="font-medium">{network.spec.name}</span>
                <code className="text-muted">
                  {(network.ipam ?? []).map(({ subnet }) => subnet).join(', ')}
                </code>
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </div>
  );
}

function ServiceLine({ each, prefix }: { readonly each: SummarisedService; readonly prefix: string }) {
  const why = useWhy();
  const { service, summary } = each;
  const { name } = service.spec;
  return (
    <li className="grid items-center gap-x-4 gap-y-1 px-4 py-2 sm:grid-cols-[168px_minmax(120px,1fr)_190px] lg:grid-cols-[168px_minmax(120px,1fr)_190px_minmax(0,280px)_130px]">
      <StateBadge state={summary.state} />
      <EntityLink href={routes.service({ name })}>
        {name.startsWith(prefix) ? name.slice(prefix.length) : name}
      </EntityLink>
      <TasksCell summary={summary} />
      <span className="truncate max-lg:hidden">
        <ImageName image={service.spec.task.container.image} max={32} />
      </span>
      <span className="max-lg:hidden">
        <PortsCell service={service} />
      </span>
      {summary.culprit === undefined ? null : (
        <p className="col-span-full text-xs text-muted">└ {why(summary.culprit)}</p>
      )}
    </li>
  );
}

function Source({ name, revision }: { readonly name: string; readonly revision: number | undefined }) {
  const t = useTranslations('stacks');
  const asked = useAsk(revision === undefined ? undefined : `${name} ${String(revision)}`, (signal) =>
    call('getStackSource', { params: { stack: name }, signal }),
  );
  if (revision === undefined) {
    return <Empty title={t('noSource')}>{t('noSourceText')}</Empty>;
  }
  if (asked.data === undefined) {
    return asked.error === undefined ? (
      <Loading />
    ) : (
      <ErrorState title={t('sourceFailed')} problem={toProblem(asked.error)} onRetry={asked.reload} />
    );
  }
  const { source, variables } = asked.data;
  return (
    <div className="flex min-h-0 flex-1 flex-col gap-4 px-4 py-4 sm:px-6">
      <div className="relative h-[max(320px,calc(100dvh-250px))] overflow-hidden rounded-md border border-line">
        <YamlEditor key={source} text={source} label={t('sourceLabel', { name })} />
        <span className="absolute top-1 right-3 z-10 rounded-sm bg-surface">
          <CopyButton text={source} />
        </span>
      </div>
      {variables === undefined || Object.keys(variables).length === 0 ? null : (
        <Panel title={t('variables')}>
          <ul className="space-y-1">
            {Object.entries(variables).map(([key, value]) => (
              <li key={key}>
                <code>
                  {key}=<span className="text-muted">{value}</span>
                </code>
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </div>
  );
}
