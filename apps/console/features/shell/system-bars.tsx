'use client';

import clsx from 'clsx';
import type { ReactNode } from 'react';
import { useFormatter, useTranslations } from 'use-intl';

import { useNow } from '../../live/clock.ts';
import { useConnection } from '../../live/live.tsx';
import { Button } from '../../ui/button.tsx';
import { useDuration } from '../../ui/quantity.tsx';
import { StateGlyph } from '../../ui/state-glyph.tsx';
import { ManagerLinks } from './manager-links.tsx';

interface Bar {
  readonly key: string;
  readonly tone: 'bad' | 'warn' | 'go';
  readonly role: 'alert' | 'status';
  readonly text: ReactNode;
  readonly action?: ReactNode;
}

const BARS_MAX = 2;

/** Conditions of the whole console, at most two, there as long as they are true (console.md 7.4). */
export function SystemBars() {
  const bars = [useQuorumBar(), useConnectionBar(), useDatabaseBar(), useBuildBar()].filter(
    (bar) => bar !== undefined,
  );
  return (
    <div>
      {bars.slice(0, BARS_MAX).map((bar) => (
        <div
          key={bar.key}
          role={bar.role}
          className={clsx(
            'tinted flex flex-wrap items-center gap-x-3 gap-y-1 border-b px-4 py-2 sm:px-6',
            bar.tone === 'bad' ? 'tone-bad' : bar.tone === 'warn' ? 'tone-warn' : 'tone-go',
          )}
        >
          <StateGlyph glyph={bar.tone === 'bad' ? 'failed' : 'attention'} family={bar.tone} />
          <p className="min-w-0 flex-1">{bar.text}</p>
          {bar.action}
        </div>
      ))}
    </div>
  );
}

function useQuorumBar(): Bar | undefined {
  const t = useTranslations('shell.bars');
  const duration = useDuration();
  const { quorum, quorumLostAtMs, managers } = useConnection();
  const nowMs = useNow(1_000);
  if (quorum) {
    return undefined;
  }
  // The rows are as old as the loss: only the manager that answers knows whom it still hears.
  const reachable = managers.filter((manager) => manager.reachable).length;
  const missing = Math.floor(managers.length / 2) + 1 - reachable;
  return {
    key: 'quorum',
    tone: 'bad',
    role: 'alert',
    text: (
      <>
        {missing > 0 ? t('quorum', { reachable, managers: managers.length, missing }) : t('quorumUnclear')}{' '}
        {quorumLostAtMs === undefined ? null : t('since', { age: duration(nowMs - quorumLostAtMs) })}
      </>
    ),
  };
}

function useConnectionBar(): Bar | undefined {
  const t = useTranslations('shell.bars');
  const format = useFormatter();
  const { freshness, asOfMs, managers, lagMs } = useConnection();
  if (freshness === 'offline') {
    const time = asOfMs === 0 ? '–' : format.dateTime(asOfMs, { timeStyle: 'medium' });
    return {
      key: 'offline',
      tone: 'bad',
      role: 'status',
      text: (
        <>
          {t('offline', { time })} <ManagerLinks managers={managers} />
        </>
      ),
    };
  }
  if (lagMs > 2_000 && freshness === 'catching-up') {
    return {
      key: 'lag',
      tone: 'warn',
      role: 'status',
      text: t('lag', { lag: format.number(lagMs / 1_000, { maximumFractionDigits: 1 }) }),
    };
  }
  return undefined;
}

function useDatabaseBar(): Bar | undefined {
  const t = useTranslations('shell.bars');
  const { deps } = useConnection();
  return deps.db === 'down'
    ? { key: 'database', tone: 'warn', role: 'status', text: t('database') }
    : undefined;
}

function useBuildBar(): Bar | undefined {
  const t = useTranslations('shell.bars');
  const { welcome } = useConnection();
  const build = welcome?.build;
  const isOther = build !== undefined && build !== '' && build !== process.env['CONSOLE_BUILD'];
  // A manager that does not know its console's build says its own version, which is no hash.
  return isOther && /^[0-9a-f]{12}$/.test(build)
    ? {
        key: 'build',
        tone: 'go',
        role: 'status',
        text: t('build'),
        action: (
          <Button
            onClick={() => {
              window.location.reload();
            }}
          >
            {t('reload')}
          </Button>
        ),
      }
    : undefined;
}
