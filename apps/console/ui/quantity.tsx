'use client';

import { Fragment } from 'react';
import { useFormatter, useTranslations } from 'use-intl';

import { useNow } from '../live/clock.ts';
import { usePreferences } from './preferences.ts';
import { Tooltip } from './tooltip.tsx';

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Splits a number of bytes into a readable number and an IEC unit. */
export function scaleBytes(bytes: number): {
  readonly value: number;
  readonly unit: string;
  readonly digits: number;
} {
  let value = bytes;
  let at = 0;
  while (value >= 1024 && at < BYTE_UNITS.length - 1) {
    value /= 1024;
    at += 1;
  }
  return { value, unit: BYTE_UNITS[at] ?? 'B', digits: value < 10 && at > 0 && value % 1 !== 0 ? 1 : 0 };
}

export function Bytes({ value }: { readonly value: number }) {
  const format = useFormatter();
  const scaled = scaleBytes(value);
  return (
    <span className="whitespace-nowrap figures">
      {format.number(scaled.value, { maximumFractionDigits: scaled.digits })}
      <span className="text-muted">{` ${scaled.unit}`}</span>
    </span>
  );
}

export function Cpus({ nanos }: { readonly nanos: number }) {
  const format = useFormatter();
  const t = useTranslations('common');
  return (
    <span className="whitespace-nowrap figures">
      {format.number(nanos / 1e9, { maximumFractionDigits: 2 })}
      <span className="text-muted">{` ${t('cpu')}`}</span>
    </span>
  );
}

/** `1 h 12 min`: the two largest units that matter. */
export function useDuration(): (milliseconds: number) => string {
  const t = useTranslations('common.duration');
  return (milliseconds) => {
    const seconds = Math.max(0, Math.round(milliseconds / 1_000));
    if (milliseconds > 0 && milliseconds < 1_000) {
      return t('milliseconds', { count: Math.round(milliseconds) });
    }
    if (seconds < 60) {
      return t('seconds', { count: seconds });
    }
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) {
      return seconds % 60 === 0 || minutes > 9
        ? t('minutes', { count: minutes })
        : `${t('minutes', { count: minutes })} ${t('seconds', { count: seconds % 60 })}`;
    }
    const hours = Math.floor(minutes / 60);
    if (hours < 48) {
      return minutes % 60 === 0 || hours > 9
        ? t('hours', { count: hours })
        : `${t('hours', { count: hours })} ${t('minutes', { count: minutes % 60 })}`;
    }
    return t('days', { count: Math.floor(hours / 24) });
  };
}

const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;

export function Clock({ atMs }: { readonly atMs: number }) {
  const format = useFormatter();
  const { time } = usePreferences();
  return (
    <time dateTime={new Date(atMs).toISOString()} className="whitespace-nowrap figures">
      {format.dateTime(atMs, { ...CLOCK, ...(time === 'utc' ? { timeZone: 'UTC' } : {}) })}
    </time>
  );
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Ages need one unit only: seconds below a minute, then minutes, then hours. */
function wholeUnits(ageMs: number): number {
  if (ageMs < MINUTE_MS) {
    return ageMs;
  }
  return ageMs < HOUR_MS ? ageMs - (ageMs % MINUTE_MS) : ageMs - (ageMs % HOUR_MS);
}

/** When something was: an age that grows, or a date, as the reader prefers; the whole date is in the tooltip. */
export function RelTime({ atMs }: { readonly atMs: number }) {
  const format = useFormatter();
  const { time } = usePreferences();
  const t = useTranslations('common');
  const ageSecond = useNow(1_000);
  const ageMinute = useNow(30_000);
  const duration = useDuration();
  if (atMs === 0) {
    return <Fragment>{t('never')}</Fragment>;
  }
  const zone = time === 'utc' ? { timeZone: 'UTC' } : {};
  const full = format.dateTime(atMs, { dateStyle: 'medium', timeStyle: 'long', ...zone });
  const fresh = ageSecond - atMs;
  const ageMs = fresh < 120_000 ? fresh : Math.max(120_000, ageMinute - atMs);
  const text =
    time === 'relative'
      ? ageMs < 5_000
        ? t('justNow')
        : t('ago', { age: duration(wholeUnits(ageMs)) })
      : format.dateTime(atMs, { month: 'short', day: 'numeric', ...CLOCK, ...zone });
  return (
    <Tooltip text={full}>
      <time dateTime={new Date(atMs).toISOString()} className="whitespace-nowrap figures">
        {text}
      </time>
    </Tooltip>
  );
}
