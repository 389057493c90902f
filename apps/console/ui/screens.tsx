'use client';

import clsx from 'clsx';
import type { ReactNode } from 'react';
import { useEffect, useState } from 'react';
import { useTranslations } from 'use-intl';

import type { Problem } from '../api/http.ts';
import { Button } from './button.tsx';
import { CopyButton, CopyField } from './copy.tsx';
import { useProblemText } from './problem.tsx';
import { StateGlyph } from './state-glyph.tsx';

interface EmptyProps {
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
  /** The same thing as a command. */
  readonly command?: string;
}

/** Nothing here yet: one sentence, one action, one command. */
export function Empty({ title, children, action, command }: EmptyProps) {
  const t = useTranslations('common');
  return (
    <div className="mx-auto flex max-w-lg flex-col items-start gap-3 px-4 py-12">
      <span aria-hidden="true" className="flex h-3 w-28 gap-0.5">
        {[0, 1, 2, 3, 4, 5].map((index) => (
          <span key={index} className="flex-1 rounded-[1px] border border-dashed border-control" />
        ))}
      </span>
      <h2 className="text-md font-semibold">{title}</h2>
      {children === undefined ? null : <div className="text-muted">{children}</div>}
      {action}
      {command === undefined ? null : (
        <div className="w-full">
          <CopyField label={t('copyCommand')} text={command} />
        </div>
      )}
    </div>
  );
}

interface NoMatchProps {
  readonly filter: string;
  readonly onClear: () => void;
}

export function NoMatch({ filter, onClear }: NoMatchProps) {
  const t = useTranslations('common');
  return (
    <div className="flex flex-wrap items-center gap-3 px-4 py-8 text-muted">
      <p>{t.rich('noMatch', { filter, code: (chunks) => <code className="text-text">{chunks}</code> })}</p>
      <Button onClick={onClear}>{t('clearFilter')}</Button>
    </div>
  );
}

interface ErrorStateProps {
  readonly problem: Problem;
  readonly title: string;
  readonly onRetry?: () => void;
  readonly children?: ReactNode;
}

/** What failed, why, what still works, and the way to try again. Stays where it happened. */
export function ErrorState({ problem, title, onRetry, children }: ErrorStateProps) {
  const t = useTranslations('common');
  const text = useProblemText();
  return (
    <div role="alert" className="tinted tone-bad m-4 flex gap-3 rounded-md border p-4">
      <StateGlyph glyph="failed" family="bad" className="mt-1" />
      <div className="min-w-0 flex-1 space-y-2">
        <h2 className="font-semibold">{title}</h2>
        <p>{text(problem)}</p>
        {children}
        <div className="flex flex-wrap items-center gap-2">
          {onRetry === undefined ? null : <Button onClick={onRetry}>{t('retry')}</Button>}
          {problem.requestId === undefined ? null : (
            <span className="inline-flex items-center gap-1 text-xs text-muted">
              {t('requestId')} <code>{problem.requestId}</code>
              <CopyButton text={problem.requestId} label={t('copyRequestId')} />
            </span>
          )}
        </div>
      </div>
    </div>
  );
}

const SLOW_MS = 3_000;
const WIDTHS = ['w-40', 'w-56', 'w-32', 'w-48', 'w-36', 'w-52', 'w-44', 'w-28'];

/** Rows of grey while the first snapshot is on its way; after three seconds it says for whom it waits. */
export function Loading({ rows = 8 }: { readonly rows?: number }) {
  const t = useTranslations('common');
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => {
      setSlow(true);
    }, SLOW_MS);
    return () => {
      clearTimeout(timer);
    };
  }, []);
  return (
    <div className="px-4 py-2">
      <p role="status" className={clsx('text-muted', isSlow ? 'py-2' : 'sr-only')}>
        {isSlow ? t('stillWaiting', { host: window.location.host }) : t('loading')}
      </p>
      <div aria-hidden="true">
        {Array.from({ length: rows }, (_, index) => (
          <div key={index} className="flex h-8 items-center gap-6">
            <span className="skeleton h-3 w-16" />
            <span className={clsx('skeleton h-3', WIDTHS[index % WIDTHS.length])} />
            <span className="skeleton h-3 w-24 max-sm:hidden" />
          </div>
        ))}
      </div>
    </div>
  );
}

interface PanelProps {
  readonly title?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  readonly className?: string;
  readonly isFlush?: boolean;
}

/** A bordered part of a page with its heading. */
export function Panel({ title, actions, children, className, isFlush = false }: PanelProps) {
  return (
    <section className={clsx('min-w-0 rounded-md border border-line bg-surface', className)}>
      {title === undefined ? null : (
        <header className="flex min-h-10 items-center gap-2 border-b border-line py-1 pr-2 pl-4">
          <h2 className="min-w-0 flex-1 truncate font-semibold">{title}</h2>
          {actions}
        </header>
      )}
      <div className={isFlush ? '' : 'px-4 py-3'}>{children}</div>
    </section>
  );
}

interface BannerProps {
  readonly tone: 'bad' | 'warn' | 'go' | 'off' | 'ok';
  readonly children: ReactNode;
  readonly actions?: ReactNode;
  readonly role?: 'status' | 'alert';
}

const BANNER_TONES = {
  bad: 'tone-bad',
  warn: 'tone-warn',
  go: 'tone-go',
  off: 'tone-off',
  ok: 'tone-ok',
} as const;
const BANNER_GLYPHS = {
  bad: 'failed',
  warn: 'attention',
  go: 'starting',
  off: 'stopped',
  ok: 'complete',
} as const;

export function Banner({ tone, children, actions, role }: BannerProps) {
  return (
    <div
      role={role}
      className={clsx('tinted flex items-start gap-3 rounded-md border px-4 py-2.5', BANNER_TONES[tone])}
    >
      <StateGlyph glyph={BANNER_GLYPHS[tone]} family={tone} className="mt-1" />
      <div className="min-w-0 flex-1">{children}</div>
      {actions === undefined ? null : <div className="flex shrink-0 flex-wrap gap-2">{actions}</div>}
    </div>
  );
}

/** Pairs of a name and a value, aligned. */
export function Facts({ children }: { readonly children: ReactNode }) {
  return <dl className="grid grid-cols-[minmax(96px,auto)_1fr] gap-x-6 gap-y-1.5">{children}</dl>;
}

export function Fact({ name, children }: { readonly name: ReactNode; readonly children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  );
}
