'use client';

import { Ellipsis, FilePen, History, ImageUp, ListOrdered, RotateCw, Scaling, Trash2 } from 'lucide-react';
import { useRouter, useSearchParams } from 'next/navigation';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslations } from 'use-intl';

import { useConnection, useIsLoaded, useRows, useSummary } from '../../live/live.tsx';
import type { ServiceRow } from '../../live/rows.ts';
import type { ServiceSummary } from '../../live/state.ts';
import { Button, IconButton, LinkButton } from '../../ui/button.tsx';
import { useKeys } from '../../ui/keyboard.ts';
import { Menu } from '../../ui/menu.tsx';
import { Page, Tabs } from '../../ui/page.tsx';
import { routes } from '../../ui/routes.ts';
import { Banner, Empty, Loading } from '../../ui/screens.tsx';
import { PortsCell } from '../../ui/service-cells.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { useBlocked } from '../session/blocked.ts';
import { ServiceActions, useServiceVerb } from '../services/service-actions.tsx';
import { ServiceEvents } from './service-events.tsx';
import { ServiceOverview } from './service-overview.tsx';
import { ServiceTasks } from './service-tasks.tsx';

const LogViewer = lazy(() =>
  import('../../ui/log-viewer.tsx').then((module) => ({ default: module.LogViewer })),
);
const ServiceConfig = lazy(() =>
  import('./service-config.tsx').then((module) => ({ default: module.ServiceConfig })),
);
const ServiceVersions = lazy(() =>
  import('./service-versions.tsx').then((module) => ({ default: module.ServiceVersions })),
);
const ServiceYaml = lazy(() =>
  import('./service-yaml.tsx').then((module) => ({ default: module.ServiceYaml })),
);

const TABS = ['overview', 'tasks', 'logs', 'versions', 'config', 'yaml', 'events'] as const;
type TabKey = (typeof TABS)[number];

export function ServiceScreen() {
  return (
    <ServiceActions>
      <Service />
    </ServiceActions>
  );
}

/** The service by name, and its last state when it was removed while the page was open. */
function useNamedService(name: string): {
  readonly service: ServiceRow | undefined;
  readonly isGone: boolean;
} {
  const services = useRows('services');
  const found = useMemo(
    () => services.find((service) => service.spec.name === name || service.id === name),
    [services, name],
  );
  const [last, setLast] = useState<ServiceRow>();
  if (found !== undefined && found !== last) {
    setLast(found);
  }
  const isSame = last?.spec.name === name || last?.id === name;
  return { service: found ?? (isSame ? last : undefined), isGone: found === undefined && isSame };
}

function Service() {
  const t = useTranslations('service');
  const search = useSearchParams();
  const name = search.get('name') ?? '';
  const tab = TABS.find((key) => key === search.get('tab')) ?? 'overview';
  const isLoaded = useIsLoaded();
  const { service, isGone } = useNamedService(name);
  const summary = useSummary(service);
  const s = useTranslations('services');
  const crumbs = [{ label: s('title'), href: routes.services() }];
  if (!isLoaded) {
    return (
      <Page title={name} crumbs={crumbs}>
        <Loading />
      </Page>
    );
  }
  if (service === undefined || summary === undefined) {
    return (
      <Page title={name} crumbs={crumbs}>
        <Empty
          title={t('unknown', { name })}
          action={<LinkButton href={routes.services()}>{t('toList')}</LinkButton>}
        >
          {t('unknownText')}
        </Empty>
      </Page>
    );
  }
  return <Known service={service} summary={summary} tab={tab} isGone={isGone} />;
}

interface KnownProps {
  readonly service: ServiceRow;
  readonly summary: ServiceSummary;
  readonly tab: TabKey;
  readonly isGone: boolean;
}

function Known({ service, summary, tab, isGone }: KnownProps) {
  const t = useTranslations('service');
  const s = useTranslations('services');
  const c = useTranslations('common');
  const { name } = service.spec;
  const ask = useServiceVerb();
  const router = useRouter();
  const { freshness } = useConnection();
  const tabRef = useRef(tab);
  useEffect(() => {
    tabRef.current = tab;
  });
  useKeys({
    s: () => ask('scale', service),
    '+': () => ask('scale', service),
    '-': () => ask('scale', service),
    r: () => ask('restart', service),
    b: () => ask('rollback', service),
    e: () => router.push(routes.editService({ name })),
    x: () => {
      const runs = summary.slots.find(({ current }) => current?.status.state === 'running')?.current;
      if (runs !== undefined) {
        router.push(routes.task({ id: runs.id, tab: 'shell' }));
      }
    },
    ...Object.fromEntries(
      TABS.map((key, index) => [
        String(index + 1),
        () => {
          document
            .querySelector<HTMLAnchorElement>(
              `a[href="${routes.service({ name, tab: key === 'overview' ? '' : key })}"]`,
            )
            ?.click();
        },
      ]),
    ),
  });
  const tabs = TABS.map((key) => ({
    key,
    label: t(`tabs.${key}`),
    href: routes.service({ name, tab: key === 'overview' ? '' : key }),
  }));
  return (
    <Page
      title={name}
      crumbs={[{ label: s('title'), href: routes.services() }]}
      aside={
        <span className="flex flex-wrap items-center gap-x-4 gap-y-1">
          <StateBadge state={summary.state} />
          <PortsCell service={service} />
        </span>
      }
      actions={isGone ? null : <Verbs service={service} />}
      tabs={<Tabs tabs={tabs} current={tab} label={t('tabsLabel')} />}
    >
      {isGone ? (
        <div className="px-4 pt-4 sm:px-6">
          <Banner
            tone="off"
            role="status"
            actions={<LinkButton href={routes.services()}>{t('toList')}</LinkButton>}
          >
            {c('gone', { name })}
          </Banner>
        </div>
      ) : null}
      <div
        className={
          isGone || freshness === 'offline'
            ? 'flex min-h-0 flex-1 flex-col opacity-70'
            : 'flex min-h-0 flex-1 flex-col'
        }
      >
        <Suspense fallback={<Loading />}>
          {tab === 'overview' ? <ServiceOverview service={service} summary={summary} /> : null}
          {tab === 'tasks' ? <ServiceTasks service={service} /> : null}
          {tab === 'logs' ? (
            <div className="flex h-[calc(100dvh-190px)] min-h-80 flex-col">
              <LogViewer select={{ services: [service.id], previous: true }} name={name} />
            </div>
          ) : null}
          {tab === 'versions' ? <ServiceVersions service={service} /> : null}
          {tab === 'config' ? <ServiceConfig service={service} /> : null}
          {tab === 'yaml' ? <ServiceYaml service={service} /> : null}
          {tab === 'events' ? <ServiceEvents name={name} /> : null}
        </Suspense>
      </div>
    </Page>
  );
}

function Verbs({ service }: { readonly service: ServiceRow }) {
  const s = useTranslations('services');
  const router = useRouter();
  const ask = useServiceVerb();
  const operate = useBlocked('service.operate');
  const write = useBlocked('service.write');
  const isScalable = service.spec.mode.type === 'replicated';
  const hasVersions = service.previousSpec !== undefined;
  return (
    <>
      <Button
        icon={<ImageUp size={14} strokeWidth={1.75} />}
        blocked={write}
        onClick={() => {
          ask('image', service);
        }}
      >
        {s('imageNew')}
      </Button>
      <Button
        icon={<Scaling size={14} strokeWidth={1.75} />}
        blocked={isScalable ? operate : s('scaleNot')}
        onClick={() => {
          ask('scale', service);
        }}
      >
        {s('scale')}
      </Button>
      <Menu
        trigger={
          <IconButton label={s('actionsOf', { name: service.spec.name })} tone="plain">
            <Ellipsis size={16} />
          </IconButton>
        }
        entries={[
          {
            key: 'edit',
            label: s('edit'),
            shortcut: 'e',
            icon: <FilePen size={14} />,
            blocked: write,
            onSelect: () => {
              router.push(routes.editService({ name: service.spec.name }));
            },
          },
          {
            key: 'restart',
            label: s('restart'),
            shortcut: 'r',
            icon: <RotateCw size={14} />,
            blocked: operate,
            onSelect: () => {
              ask('restart', service);
            },
          },
          {
            key: 'rollback',
            label: s('rollback'),
            shortcut: 'b',
            icon: <History size={14} />,
            blocked: hasVersions ? operate : s('rollbackNone'),
            onSelect: () => {
              ask('rollback', service);
            },
          },
          {
            key: 'versions',
            label: s('versions'),
            icon: <ListOrdered size={14} />,
            onSelect: () => {
              router.push(routes.service({ name: service.spec.name, tab: 'versions' }));
            },
          },
          'line',
          {
            key: 'remove',
            label: s('remove'),
            tone: 'danger',
            icon: <Trash2 size={14} />,
            blocked: write,
            onSelect: () => {
              ask('remove', service);
            },
          },
        ]}
      />
    </>
  );
}
