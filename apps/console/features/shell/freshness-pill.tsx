'use client';

import clsx from 'clsx';
import { useFormatter, useTranslations } from 'use-intl';

import { useConnection } from '../../live/live.tsx';
import { Tooltip } from '../../ui/tooltip.tsx';

const DOTS = {
  connecting: 'bg-wait animate-pulse-soft',
  live: 'bg-ok',
  'catching-up': 'bg-warn',
  reconnecting: 'bg-warn animate-pulse-soft',
  offline: 'bg-bad',
} as const;

/** How far the page may be trusted: a green dot when live, words when not. Announced politely. */
export function FreshnessPill() {
  const t = useTranslations('shell.freshness');
  const format = useFormatter();
  const { freshness, asOfMs, lagMs } = useConnection();
  const time = asOfMs === 0 ? '' : format.dateTime(asOfMs, { timeStyle: 'medium' });
  const text = t(freshness, { time, lag: format.number(lagMs / 1_000, { maximumFractionDigits: 1 }) });
  return (
    <Tooltip text={t(`${freshness}Hint`, { time })}>
      <span
        role="status"
        tabIndex={0}
        className={clsx(
          'inline-flex h-6 items-center gap-1.5 rounded-full px-2 text-xs whitespace-nowrap',
          freshness === 'live' ? 'text-muted' : 'border border-line bg-raised text-text',
        )}
      >
        <span aria-hidden="true" className={clsx('size-2 rounded-full', DOTS[freshness])} />
        {text}
      </span>
    </Tooltip>
  );
}
