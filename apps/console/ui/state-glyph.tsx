import clsx from 'clsx';
import type { ReactNode } from 'react';

import type { Family, Glyph } from '../live/state.ts';

export const FAMILY_TEXT: Readonly<Record<Family, string>> = {
  ok: 'text-ok',
  go: 'text-go',
  wait: 'text-wait',
  warn: 'text-warn',
  bad: 'text-bad',
  off: 'text-off',
};

export const FAMILY_FILL: Readonly<Record<Family, string>> = {
  ok: 'bg-ok',
  go: 'bg-go',
  wait: 'bg-wait',
  warn: 'bg-warn',
  bad: 'bg-bad',
  off: 'bg-off',
};

const STROKE = { fill: 'none', stroke: 'currentColor', strokeWidth: 1.6, strokeLinecap: 'round' } as const;
const RING = <circle cx="6" cy="6" r="4.2" {...STROKE} />;

/** Twelve by twelve, drawn so that each is told from the others without its colour. */
const SHAPES: Readonly<Record<Glyph, ReactNode>> = {
  running: <circle cx="6" cy="6" r="4.6" fill="currentColor" />,
  starting: (
    <>
      {RING}
      <path d="M6 1.8a4.2 4.2 0 0 1 0 8.4z" fill="currentColor" />
    </>
  ),
  preparing: (
    <>
      {RING}
      <path d="M6 6V1.8A4.2 4.2 0 0 1 10.2 6z" fill="currentColor" />
    </>
  ),
  pending: RING,
  assigned: <path d="M6 1.4 10.6 6 6 10.6 1.4 6z" {...STROKE} strokeLinejoin="round" />,
  updating: (
    <>
      <rect x="1.6" y="1.6" width="8.8" height="8.8" rx="1" {...STROKE} />
      <path d="M2 7 7 2M4.8 10 10 4.8" {...STROKE} strokeWidth={1.4} />
    </>
  ),
  paused: <path d="M4 2.2v7.6M8 2.2v7.6" {...STROKE} strokeWidth={2.2} />,
  'rolled-back': <path d="M2 2v3.2h3.2M2.3 5.1A4.1 4.1 0 1 1 2.6 8" {...STROKE} strokeLinejoin="round" />,
  failed: <path d="m2.4 2.4 7.2 7.2M9.6 2.4 2.4 9.6" {...STROKE} strokeWidth={2} />,
  rejected: (
    <>
      {RING}
      <path d="M3.2 8.8 8.8 3.2" {...STROKE} />
    </>
  ),
  unknown: (
    <>
      <path d="M3.6 4.1a2.4 2.4 0 1 1 3.3 2.3c-.6.3-.9.7-.9 1.4" {...STROKE} />
      <circle cx="6" cy="10.2" r="1" fill="currentColor" />
    </>
  ),
  stopped: <circle cx="6" cy="6" r="2" fill="currentColor" />,
  complete: <path d="m1.8 6.4 2.9 2.9 5.5-6.4" {...STROKE} strokeWidth={2} strokeLinejoin="round" />,
  attention: (
    <>
      <path d="M6 1.6v5.6" {...STROKE} strokeWidth={2.2} />
      <circle cx="6" cy="10" r="1.3" fill="currentColor" />
    </>
  ),
};

interface StateGlyphProps {
  readonly glyph: Glyph;
  readonly family: Family;
  readonly size?: number;
  readonly className?: string;
}

/** The sign of a state. Always beside its word: it is hidden from screen readers. */
export function StateGlyph({ glyph, family, size = 12, className }: StateGlyphProps) {
  return (
    <svg
      aria-hidden="true"
      data-glyph={glyph}
      viewBox="0 0 12 12"
      width={size}
      height={size}
      className={clsx('shrink-0', FAMILY_TEXT[family], family === 'go' && 'animate-pulse-soft', className)}
    >
      {SHAPES[glyph]}
    </svg>
  );
}
