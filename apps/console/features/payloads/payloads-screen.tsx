'use client';

import { Plus, Trash2 } from 'lucide-react';
import { lazy, Suspense, useMemo, useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { matchesFilter, parseFilter } from '../../live/filter.ts';
import { useIsLoaded, useRows, useSettled } from '../../live/live.tsx';
import type { ConfigRow, SecretRow, ServiceRow } from '../../live/rows.ts';
import { stackOf } from '../../live/rows.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { DataTable, Toolbar } from '../../ui/data-table.tsx';
import type { Column } from '../../ui/data-table.tsx';
import { FilterBox } from '../../ui/filter-box.tsx';
import { EntityLink, Page, Tabs } from '../../ui/page.tsx';
import { RelTime } from '../../ui/quantity.tsx';
import { useQueryState } from '../../ui/query-state.ts';
import { routes } from '../../ui/routes.ts';
import { Empty, Loading, NoMatch } from '../../ui/screens.tsx';
import { useBlocked } from '../session/blocked.ts';

const ConfirmRemoval = lazy(() =>
  import('../../ui/confirm-removal.tsx').then((module) => ({ default: module.ConfirmRemoval })),
);
const ConfigDialog = lazy(() =>
  import('./config-dialog.tsx').then((module) => ({ default: module.ConfigDialog })),
);
const CreatePayload = lazy(() =>
  import('./create-payload.tsx').then((module) => ({ default: module.CreatePayload })),
);

export type PayloadKind = 'secret' | 'config';
type Payload = SecretRow | ConfigRow;

interface Line {
  readonly payload: Payload;
  readonly users: readonly ServiceRow[];
}

function usersOf(
  kind: PayloadKind,
  payload: Payload,
  services: readonly ServiceRow[],
): readonly ServiceRow[] {
  return services.filter(({ spec }) =>
    kind === 'secret'
      ? (spec.task.container.secrets ?? []).some(({ secretId }) => secretId === payload.id)
      : (spec.task.container.configs ?? []).some(({ configId }) => configId === payload.id),
  );
}

/** Secrets, which are written and never read; and configs, which are both. */
export function PayloadsScreen({ kind }: { readonly kind: PayloadKind }) {
  const t = useTranslations('payloads');
  const c = useTranslations('common');
  const isLoaded = useIsLoaded();
  const secrets = useRows('secrets');
  const configs = useRows('configs');
  const services = useRows('services');
  const payloads: readonly Payload[] = kind === 'secret' ? secrets : configs;
  const blocked = useBlocked(kind === 'secret' ? 'secret.write' : 'config.write');
  const settled = useSettled();
  const [filter, setFilter] = useQueryState('q');
  const [isCreating, setCreating] = useState(false);
  const [removing, setRemoving] = useState<Payload>();
  const [reading, setReading] = useState<ConfigRow>();
  const lines = useMemo<readonly Line[]>(() => {
    const terms = parseFilter(filter);
    return payloads
      .map((payload) => ({ payload, users: usersOf(kind, payload, services) }))
      .filter(({ payload, users }) =>
        matchesFilter(terms, {
          name: payload.spec.name,
          stack: stackOf(payload.spec.labels),
          service: users.map((service) => service.spec.name),
        }),
      )
      .toSorted((a, b) => (a.payload.spec.name < b.payload.spec.name ? -1 : 1));
  }, [payloads, kind, services, filter]);
  const columns = useColumns(kind, setReading);
  return (
    <Page
      title={t('title')}
      actions={
        <Button tone="primary" icon={<Plus size={16} />} blocked={blocked} onClick={() => setCreating(true)}>
          {t(`create.${kind}`)}
        </Button>
      }
      tabs={
        <Tabs
          label={t('title')}
          current={kind}
          tabs={[
            { key: 'secret', label: t('secrets'), href: routes.secrets(), count: secrets.length },
            { key: 'config', label: t('configs'), href: routes.configs(), count: configs.length },
          ]}
        />
      }
    >
      {!isLoaded ? <Loading /> : null}
      {isLoaded && payloads.length === 0 ? (
        <Empty title={t(`empty.${kind}`)} command={`swarm ${kind} create NAME ./file`}>
          {t(`emptyText.${kind}`)}
        </Empty>
      ) : null}
      {isLoaded && payloads.length > 0 ? (
        <div className="pt-3">
          <Toolbar>
            <FilterBox value={filter} onChange={setFilter} label={t('filter')} />
            <span className="text-muted figures">
              {c('shownOf', { shown: lines.length, total: payloads.length })}
            </span>
          </Toolbar>
          {lines.length === 0 ? (
            <NoMatch filter={filter} onClear={() => setFilter('')} />
          ) : (
            <DataTable
              label={t(`${kind}s`)}
              columns={columns}
              rows={lines}
              rowKey={({ payload }) => payload.id}
              verbs={({ payload, users }) => (
                <IconButton
                  label={t('removeOf', { name: payload.spec.name })}
                  blocked={blocked ?? (users.length > 0 ? t('inUse', { count: users.length }) : undefined)}
                  onClick={() => setRemoving(payload)}
                >
                  <Trash2 size={14} />
                </IconButton>
              )}
              card={({ payload, users }) => (
                <div className="space-y-0.5">
                  <p className="text-base font-medium break-all">{payload.spec.name}</p>
                  <p className="flex justify-between text-xs text-muted">
                    {t('usedCount', { count: users.length })}
                    <RelTime atMs={payload.updatedAtMs} />
                  </p>
                </div>
              )}
            />
          )}
        </div>
      ) : null}
      <Suspense>
        {isCreating ? <CreatePayload kind={kind} onClose={() => setCreating(false)} /> : null}
        {reading === undefined ? null : (
          <ConfigDialog config={reading} onClose={() => setReading(undefined)} />
        )}
        {removing === undefined ? null : (
          <ConfirmRemoval
            title={t('removeTitle', { name: removing.spec.name })}
            text={t(`removeText.${kind}`)}
            {...(kind === 'secret' ? { typeName: removing.spec.name } : {})}
            command={`swarm ${kind} rm ${removing.spec.name}`}
            onClose={() => setRemoving(undefined)}
            act={async () => {
              const { rev } =
                kind === 'secret'
                  ? await call('removeSecret', { params: { secret: removing.id } })
                  : await call('removeConfig', { params: { config: removing.id } });
              await settled(rev);
            }}
          />
        )}
      </Suspense>
    </Page>
  );
}

function useColumns(kind: PayloadKind, onRead: (config: ConfigRow) => void): readonly Column<Line>[] {
  const t = useTranslations('payloads');
  return useMemo(
    () => [
      {
        key: 'name',
        header: t('name'),
        cell: ({ payload }) =>
          kind === 'config' ? (
            <button
              type="button"
              className="rounded-sm font-medium underline-offset-2 hover:text-accent hover:underline"
              onClick={() => {
                onRead(payload);
              }}
            >
              {payload.spec.name}
            </button>
          ) : (
            <span className="font-medium">{payload.spec.name}</span>
          ),
        sort: ({ payload }) => payload.spec.name,
      },
      {
        key: 'users',
        header: t('usedBy'),
        width: '360px',
        hideBelow: 'md',
        cell: ({ users }) => (
          <span className="flex gap-2 overflow-hidden whitespace-nowrap">
            {users.length === 0 ? <span className="text-muted">{t('unused')}</span> : null}
            {users.slice(0, 4).map((service) => (
              <EntityLink
                key={service.id}
                href={routes.service({ name: service.spec.name })}
                className="font-normal!"
              >
                {service.spec.name}
              </EntityLink>
            ))}
            {users.length > 4 ? <span className="text-muted">+{users.length - 4}</span> : null}
          </span>
        ),
        sort: ({ users }) => users.length,
      },
      {
        key: 'stack',
        header: t('stack'),
        width: '130px',
        hideBelow: 'lg',
        cell: ({ payload }) => stackOf(payload.spec.labels) ?? '',
        sort: ({ payload }) => stackOf(payload.spec.labels) ?? '',
      },
      {
        key: 'created',
        header: t('created'),
        width: '130px',
        cell: ({ payload }) => (
          <span className="text-muted">
            <RelTime atMs={payload.createdAtMs} />
          </span>
        ),
        sort: ({ payload }) => payload.createdAtMs,
      },
    ],
    [t, kind, onRead],
  );
}
