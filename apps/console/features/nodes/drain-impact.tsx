'use client';

import { useMemo } from 'react';
import { useTranslations } from 'use-intl';

import { drainImpact } from '../../live/drain.ts';
import type { DrainedService } from '../../live/drain.ts';
import { useRows } from '../../live/live.tsx';
import type { NodeRow } from '../../live/rows.ts';
import { Banner } from '../../ui/screens.tsx';

/** What a drain would do, service by service, kept live while the dialog is open. */
export function DrainImpact({ node }: { readonly node: NodeRow }) {
  const t = useTranslations('nodes.impact');
  const tasks = useRows('tasks');
  const services = useRows('services');
  const nodes = useRows('nodes');
  const impact = useMemo(() => drainImpact(node, { tasks, services, nodes }), [node, tasks, services, nodes]);
  if (impact.services.length === 0) {
    return <p className="text-muted">{t('nothing')}</p>;
  }
  return (
    <div className="space-y-3">
      <p className="figures">
        {t('sum', { moving: impact.moving, stopping: impact.stopping, targets: impact.targets })}
      </p>
      {impact.targets === 0 && impact.moving > 0 ? <Banner tone="bad">{t('noTarget')}</Banner> : null}
      <ul className="max-h-64 divide-y divide-line/60 overflow-y-auto rounded-sm border border-line bg-bg">
        {impact.services.map((service) => (
          <ServiceLine key={service.name} service={service} />
        ))}
      </ul>
    </div>
  );
}

function ServiceLine({ service }: { readonly service: DrainedService }) {
  const t = useTranslations('nodes.impact');
  const notes = [
    ...(service.volumes.length > 0 ? [t('volumes', { list: service.volumes.join(', ') })] : []),
    ...(service.constraints.length > 0 && !service.isGlobal
      ? [t('constraints', { list: service.constraints.join(', ') })]
      : []),
  ];
  return (
    <li className="px-3 py-1.5">
      <p className="flex items-baseline justify-between gap-3">
        <span className="min-w-0 truncate font-medium">{service.name}</span>
        <span className={service.isDown ? 'text-bad' : 'text-muted'}>
          {service.isGlobal
            ? t('stops', { count: service.tasks })
            : service.isDown
              ? t('down', { count: service.tasks })
              : t('moves', { count: service.tasks })}
        </span>
      </p>
      {notes.map((note) => (
        <p key={note} className="text-xs break-words text-muted">
          {note}
        </p>
      ))}
    </li>
  );
}
