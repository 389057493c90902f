'use client';

import { Plus, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction } from '../../api/use-call.ts';
import { matchesFilter, parseFilter } from '../../live/filter.ts';
import { useIsLoaded, useRows, useSettled } from '../../live/live.tsx';
import type { NetworkRow, ServiceRow } from '../../live/rows.ts';
import { stackOf } from '../../live/rows.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { DataTable, Toolbar } from '../../ui/data-table.tsx';
import type { Column } from '../../ui/data-table.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Checkbox, Field, TextInput } from '../../ui/field.tsx';
import { FilterBox } from '../../ui/filter-box.tsx';
import { EntityLink, Page } from '../../ui/page.tsx';
import { RelTime } from '../../ui/quantity.tsx';
import { InlineProblem } from '../../ui/problem.tsx';
import { useQueryState } from '../../ui/query-state.ts';
import { routes } from '../../ui/routes.ts';
import { Empty, Loading, NoMatch } from '../../ui/screens.tsx';
import { ConfirmRemoval } from '../../ui/confirm-removal.tsx';
import { useBlocked } from '../session/blocked.ts';

interface Line {
  readonly network: NetworkRow;
  readonly users: readonly ServiceRow[];
}

function isOn(service: ServiceRow, network: NetworkRow): boolean {
  const attached = (service.spec.task.networks ?? []).some(
    ({ target }) => target === network.id || target === network.spec.name,
  );
  const isIngress =
    network.spec.ingress === true &&
    (service.endpoint?.ports ?? []).some((port) => port.publishMode === 'ingress');
  return attached || isIngress;
}

export function NetworksScreen() {
  const t = useTranslations('networks');
  const c = useTranslations('common');
  const isLoaded = useIsLoaded();
  const networks = useRows('networks');
  const services = useRows('services');
  const blocked = useBlocked('network.write');
  const [filter, setFilter] = useQueryState('q');
  const [isCreating, setCreating] = useState(false);
  const [removing, setRemoving] = useState<NetworkRow>();
  const settled = useSettled();
  const lines = useMemo<readonly Line[]>(() => {
    const terms = parseFilter(filter);
    return networks
      .map((network) => ({ network, users: services.filter((service) => isOn(service, network)) }))
      .filter(({ network, users }) =>
        matchesFilter(terms, {
          name: network.spec.name,
          driver: network.spec.driver ?? 'overlay',
          subnet: (network.ipam ?? []).map(({ subnet }) => subnet),
          service: users.map((service) => service.spec.name),
        }),
      )
      .toSorted((a, b) => (a.network.spec.name < b.network.spec.name ? -1 : 1));
  }, [networks, services, filter]);
  const columns = useColumns();
  return (
    <Page
      title={t('title')}
      actions={
        <Button tone="primary" icon={<Plus size={16} />} blocked={blocked} onClick={() => setCreating(true)}>
          {t('create')}
        </Button>
      }
    >
      {!isLoaded ? <Loading /> : null}
      {isLoaded && networks.length === 0 ? (
        <Empty title={t('empty')} command="swarm network create -d overlay front">
          {t('emptyText')}
        </Empty>
      ) : null}
      {isLoaded && networks.length > 0 ? (
        <>
          <Toolbar>
            <FilterBox value={filter} onChange={setFilter} label={t('filter')} />
            <span className="text-muted figures">
              {c('shownOf', { shown: lines.length, total: networks.length })}
            </span>
          </Toolbar>
          {lines.length === 0 ? (
            <NoMatch filter={filter} onClear={() => setFilter('')} />
          ) : (
            <DataTable
              label={t('title')}
              columns={columns}
              rows={lines}
              rowKey={({ network }) => network.id}
              verbs={({ network, users }) => (
                <IconButton
                  label={t('removeOf', { name: network.spec.name })}
                  blocked={blocked ?? (users.length > 0 ? t('inUse', { count: users.length }) : undefined)}
                  onClick={() => setRemoving(network)}
                >
                  <Trash2 size={14} />
                </IconButton>
              )}
              card={({ network, users }) => (
                <div className="space-y-0.5">
                  <p className="text-base font-medium">{network.spec.name}</p>
                  <p className="flex justify-between text-xs text-muted">
                    <code>{(network.ipam ?? []).map(({ subnet }) => subnet).join(', ')}</code>
                    {t('services', { count: users.length })}
                  </p>
                </div>
              )}
            />
          )}
        </>
      ) : null}
      {isCreating ? <CreateDialog onClose={() => setCreating(false)} /> : null}
      {removing === undefined ? null : (
        <ConfirmRemoval
          title={t('removeTitle', { name: removing.spec.name })}
          text={t('removeText')}
          command={`swarm network rm ${removing.spec.name}`}
          onClose={() => setRemoving(undefined)}
          act={async () => {
            const { rev } = await call('removeNetwork', { params: { network: removing.id } });
            await settled(rev);
          }}
        />
      )}
    </Page>
  );
}

function useColumns(): readonly Column<Line>[] {
  const t = useTranslations('networks');
  return useMemo(
    () => [
      {
        key: 'name',
        header: t('name'),
        cell: ({ network }) => (
          <span className="font-medium whitespace-nowrap">
            {network.spec.name}
            {network.spec.ingress === true ? (
              <span className="font-normal text-muted"> {t('mesh')}</span>
            ) : null}
          </span>
        ),
        sort: ({ network }) => network.spec.name,
      },
      {
        key: 'driver',
        header: t('driver'),
        width: '100px',
        cell: ({ network }) => network.spec.driver ?? 'overlay',
        sort: ({ network }) => network.spec.driver ?? 'overlay',
      },
      {
        key: 'subnet',
        header: t('subnet'),
        width: '170px',
        cell: ({ network }) => <code>{(network.ipam ?? []).map(({ subnet }) => subnet).join(', ')}</code>,
        sort: ({ network }) => network.ipam?.[0]?.subnet ?? '',
      },
      {
        key: 'vni',
        header: 'VNI',
        width: '80px',
        hideBelow: 'lg',
        cell: ({ network }) => <code className="text-muted">{network.vni ?? ''}</code>,
        sort: ({ network }) => network.vni ?? 0,
      },
      {
        key: 'options',
        header: t('options'),
        width: '170px',
        hideBelow: 'lg',
        cell: ({ network }) => (
          <span className="text-muted">
            {[
              network.spec.attachable === true ? t('attachable') : '',
              network.spec.internal === true ? t('internal') : '',
            ]
              .filter((part) => part !== '')
              .join(', ')}
          </span>
        ),
      },
      {
        key: 'services',
        header: t('usedBy'),
        width: '280px',
        hideBelow: 'md',
        cell: ({ users }) => (
          <span className="flex gap-2 overflow-hidden whitespace-nowrap">
            {users.slice(0, 3).map((service) => (
              <EntityLink
                key={service.id}
                href={routes.service({ name: service.spec.name })}
                className="font-normal!"
              >
                {service.spec.name}
              </EntityLink>
            ))}
            {users.length > 3 ? <span className="text-muted">+{users.length - 3}</span> : null}
          </span>
        ),
        sort: ({ users }) => users.length,
      },
      {
        key: 'stack',
        header: t('stack'),
        width: '110px',
        hideBelow: 'xl',
        cell: ({ network }) => stackOf(network.spec.labels) ?? '',
        sort: ({ network }) => stackOf(network.spec.labels) ?? '',
      },
      {
        key: 'created',
        header: t('created'),
        width: '110px',
        hideBelow: 'xl',
        cell: ({ network }) => (
          <span className="text-muted">
            <RelTime atMs={network.createdAtMs} />
          </span>
        ),
        sort: ({ network }) => network.createdAtMs,
      },
    ],
    [t],
  );
}

function CreateDialog({ onClose }: { readonly onClose: () => void }) {
  const t = useTranslations('networks');
  const c = useTranslations('common');
  const settled = useSettled();
  const [name, setName] = useState('');
  const [subnet, setSubnet] = useState('');
  const [isAttachable, setAttachable] = useState(true);
  const [isInternal, setInternal] = useState(false);
  const action = useAction(async () => {
    const { rev } = await call('createNetwork', {
      body: {
        name: name.trim(),
        driver: 'overlay',
        ...(isAttachable ? { attachable: true } : {}),
        ...(isInternal ? { internal: true } : {}),
        ...(subnet.trim() === '' ? {} : { ipam: { configs: [{ subnet: subnet.trim() }] } }),
      },
    });
    await settled(rev);
    onClose();
  });
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t('create')}
      footer={
        <>
          <Button onClick={onClose}>{c('cancel')}</Button>
          <Button tone="primary" busy={action.isBusy} onClick={() => void action.run()}>
            {c('create')}
          </Button>
        </>
      }
    >
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          void action.run();
        }}
      >
        <Field label={c('name')}>
          {(control) => (
            <TextInput
              {...control}
              mono
              autoFocus
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label={t('subnet')} hint={t('subnetHint')}>
          {(control) => (
            <TextInput
              {...control}
              mono
              placeholder="10.0.7.0/24"
              value={subnet}
              onChange={(event) => setSubnet(event.target.value)}
            />
          )}
        </Field>
        <Checkbox
          label={t('attachable')}
          hint={t('attachableHint')}
          checked={isAttachable}
          onChange={setAttachable}
        />
        <Checkbox
          label={t('internal')}
          hint={t('internalHint')}
          checked={isInternal}
          onChange={setInternal}
        />
        <InlineProblem error={action.error} />
        <button type="submit" className="hidden" aria-hidden="true" tabIndex={-1} />
      </form>
    </Dialog>
  );
}
