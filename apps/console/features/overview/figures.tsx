'use client';

import clsx from 'clsx';
import type { ReactNode } from 'react';
import { useMemo } from 'react';
import { useFormatter, useTranslations } from 'use-intl';

import { clusterFill } from '../../live/attention.ts';
import type { Cluster, Fill } from '../../live/attention.ts';
import { useRows } from '../../live/live.tsx';
import { Bytes, Cpus } from '../../ui/quantity.tsx';
import { SlotBar } from '../../ui/slot-bar.tsx';

interface FigureProps {
  readonly name: string;
  readonly value: ReactNode;
  readonly note: ReactNode;
  readonly bar: ReactNode;
}

function Figure({ name, value, note, bar }: FigureProps) {
  return (
    <div className="min-w-0 bg-surface px-4 py-3">
      <dt className="text-xs text-muted">{name}</dt>
      <dd>
        <span className="block text-xl font-[550] tracking-[-0.01em] figures">{value}</span>
        <span className="my-1.5 block">{bar}</span>
        <span className="block text-xs text-muted figures">{note}</span>
      </dd>
    </div>
  );
}

function share({ reserved, capacity }: Fill): number {
  return capacity === 0 ? 0 : reserved / capacity;
}

/** Reserved part of a capacity. */
function FillBar({ fill, label }: { readonly fill: Fill; readonly label: string }) {
  const part = share(fill);
  return (
    <span role="img" aria-label={label} className="block h-2.5 overflow-hidden rounded-[1px] bg-raised">
      <span
        className={clsx(
          'block h-full rounded-[1px]',
          part > 0.9 ? 'bg-bad' : part > 0.75 ? 'bg-warn' : 'bg-accent',
        )}
        style={{ width: `${String(Math.min(100, Math.max(part > 0 ? 1 : 0, part * 100)))}%` }}
      />
    </span>
  );
}

interface FiguresProps {
  readonly cluster: Cluster;
  readonly managers: number;
  readonly tolerance: number;
}

/** Four numbers: tasks, CPU, memory, managers. */
export function Figures({ cluster, managers, tolerance }: FiguresProps) {
  const t = useTranslations('overview');
  const format = useFormatter();
  const tasks = useRows('tasks');
  const { services, nodes } = cluster;
  const fill = useMemo(() => {
    const specs = new Map(services.map(({ service }) => [service.id, service.spec.task]));
    return clusterFill(nodes, tasks, (task) => specs.get(task.serviceId));
  }, [services, nodes, tasks]);
  const healthy = services.reduce((sum, { summary }) => sum + summary.healthy, 0);
  const desired = services.reduce((sum, { summary }) => sum + summary.desired, 0);
  const bars = services.flatMap(({ summary }) => summary.bar);
  const percent = (value: Fill) =>
    format.number(share(value), { style: 'percent', maximumFractionDigits: 0 });
  const reachable = nodes.filter(
    (node) => node.manager !== undefined && node.manager.reachability !== 'unreachable',
  );
  return (
    <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-md border border-line bg-line lg:grid-cols-4">
      <Figure
        name={t('tasks')}
        value={
          <>
            {format.number(healthy)}
            <span className="text-muted">/{format.number(desired)}</span>
          </>
        }
        bar={
          <SlotBar slots={bars.length === 0 ? ['wait'] : bars} label={t('tasksBar', { healthy, desired })} />
        }
        note={t('tasksNote', { services: services.length })}
      />
      <Figure
        name={t('cpu')}
        value={percent(fill.cpu)}
        bar={<FillBar fill={fill.cpu} label={t('cpuBar', { percent: percent(fill.cpu) })} />}
        note={t.rich('reservedOf', {
          reserved: () => <Cpus nanos={fill.cpu.reserved} />,
          capacity: () => <Cpus nanos={fill.cpu.capacity} />,
        })}
      />
      <Figure
        name={t('memory')}
        value={percent(fill.memory)}
        bar={<FillBar fill={fill.memory} label={t('memoryBar', { percent: percent(fill.memory) })} />}
        note={t.rich('reservedOf', {
          reserved: () => <Bytes value={fill.memory.reserved} />,
          capacity: () => <Bytes value={fill.memory.capacity} />,
        })}
      />
      <Figure
        name={t('managers')}
        value={
          <>
            {reachable.length}
            <span className="text-muted">/{managers}</span>
          </>
        }
        bar={
          <SlotBar
            slots={nodes.flatMap((node) =>
              node.manager === undefined ? [] : [node.manager.reachability === 'unreachable' ? 'bad' : 'ok'],
            )}
            label={t('managersBar', { reachable: reachable.length, managers })}
          />
        }
        note={t('tolerance', { tolerance })}
      />
    </dl>
  );
}
