'use client';

import clsx from 'clsx';
import type { ReactNode } from 'react';
import { useFormatter, useTranslations } from 'use-intl';

import { clusterFill } from '../../live/attention.ts';
import { useLive, useTasksOf } from '../../live/live.tsx';
import type { NodeRow, ServiceRow } from '../../live/rows.ts';
import { Bytes, Cpus } from '../../ui/quantity.tsx';

interface MeterProps {
  readonly name: string;
  readonly share: number;
  readonly children: ReactNode;
}

function Meter({ name, share, children }: MeterProps) {
  const format = useFormatter();
  const percent = format.number(share, { style: 'percent', maximumFractionDigits: 0 });
  return (
    <div className="min-w-0 flex-1 bg-surface px-4 py-3">
      <div className="flex items-baseline justify-between gap-3">
        <span className="text-xs text-muted">{name}</span>
        <span className="text-md font-[550] figures">{percent}</span>
      </div>
      <div
        role="img"
        aria-label={`${name}: ${percent}`}
        className="my-1.5 h-2.5 overflow-hidden rounded-[1px] bg-raised"
      >
        <div
          className={clsx(
            'h-full rounded-[1px]',
            share > 0.9 ? 'bg-bad' : share > 0.75 ? 'bg-warn' : 'bg-accent',
          )}
          style={{ width: `${String(Math.min(100, share * 100))}%` }}
        />
      </div>
      <p className="text-xs text-muted">{children}</p>
    </div>
  );
}

/** How much of the node its tasks reserve. */
export function NodeFill({ node }: { readonly node: NodeRow }) {
  const t = useTranslations('nodes');
  const { store } = useLive();
  const tasks = useTasksOf('node', node.id);
  const ready = { ...node, status: { ...node.status, state: 'ready' as const } };
  const fill = clusterFill([ready], tasks, (task) => {
    const service = store.get('services', task.serviceId) as unknown as ServiceRow | undefined;
    return service?.spec.task;
  });
  const share = ({ reserved, capacity }: { readonly reserved: number; readonly capacity: number }) =>
    capacity === 0 ? 0 : reserved / capacity;
  return (
    <div className="flex flex-wrap gap-px overflow-hidden rounded-md border border-line bg-line max-sm:flex-col">
      <Meter name={t('cpuReserved')} share={share(fill.cpu)}>
        {t.rich('reservedOf', {
          reserved: () => <Cpus nanos={fill.cpu.reserved} />,
          capacity: () => <Cpus nanos={fill.cpu.capacity} />,
        })}
      </Meter>
      <Meter name={t('memoryReserved')} share={share(fill.memory)}>
        {t.rich('reservedOf', {
          reserved: () => <Bytes value={fill.memory.reserved} />,
          capacity: () => <Bytes value={fill.memory.capacity} />,
        })}
      </Meter>
    </div>
  );
}
