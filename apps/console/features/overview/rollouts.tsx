'use client';

import { useTranslations } from 'use-intl';

import type { SummarisedService } from '../../live/attention.ts';
import { EntityLink } from '../../ui/page.tsx';
import { RelTime } from '../../ui/quantity.tsx';
import { routes } from '../../ui/routes.ts';
import { SlotBar } from '../../ui/slot-bar.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';

/** Services that are on their way somewhere. */
export function rollingOut(services: readonly SummarisedService[]): readonly SummarisedService[] {
  return services.filter(
    ({ summary }) => summary.state.family === 'go' || summary.state.label === 'service.rollingBack',
  );
}

export function Rollouts({ rollouts }: { readonly rollouts: readonly SummarisedService[] }) {
  const t = useTranslations('overview');
  const s = useTranslations('services');
  if (rollouts.length === 0) {
    return <p className="px-4 py-6 text-muted">{t('noProgress')}</p>;
  }
  return (
    <ul className="divide-y divide-line/60">
      {rollouts.map(({ service, summary }) => (
        <li key={service.id} className="space-y-1.5 px-4 py-2.5">
          <div className="flex items-baseline justify-between gap-3">
            <EntityLink href={routes.service({ name: service.spec.name })}>{service.spec.name}</EntityLink>
            <StateBadge state={summary.state} />
          </div>
          <SlotBar
            slots={summary.bar}
            label={s('tasksOf', { healthy: summary.healthy, desired: summary.desired })}
          />
          {service.updateStatus === undefined ? null : (
            <p className="text-xs text-muted">
              <RelTime atMs={service.updateStatus.startedAtMs} />
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}
