import clsx from 'clsx';

import type { Family } from '../live/state.ts';
import { FAMILY_FILL } from './state-glyph.tsx';

const SEGMENTS_MAX = 24;
const FAMILIES: readonly Family[] = ['ok', 'go', 'wait', 'warn', 'bad', 'off'];

interface SlotBarProps {
  readonly slots: readonly Family[];
  /** What the bar says, for those who do not see it. */
  readonly label: string;
  readonly size?: 'small' | 'large';
  readonly className?: string;
}

/** Waiting slots are outlined, so that missing ones are seen without colour. */
function segment(family: Family): string {
  return family === 'wait'
    ? 'border border-wait bg-transparent'
    : clsx(FAMILY_FILL[family], family === 'go' && 'animate-pulse-soft');
}

/**
 * One segment per slot, in slot order; beyond 24 slots the segments become shares per state. The console's signature:
 * the same bar is the mark, the progress and the table cell.
 */
export function SlotBar({ slots, label, size = 'small', className }: SlotBarProps) {
  const height = size === 'large' ? 'h-3' : 'h-2.5';
  if (slots.length > SEGMENTS_MAX) {
    return (
      <span role="img" aria-label={label} className={clsx('flex gap-px', height, className)}>
        {FAMILIES.map((family) => {
          const count = slots.filter((slot) => slot === family).length;
          return count === 0 ? null : (
            <span
              key={family}
              data-slot={family}
              className={clsx('min-w-1 rounded-[1px]', segment(family))}
              style={{ flexGrow: count, flexBasis: 0 }}
            />
          );
        })}
      </span>
    );
  }
  return (
    <span role="img" aria-label={label} className={clsx('flex gap-0.5', height, className)}>
      {slots.map((family, index) => (
        <span
          // Slots have no identity of their own but their place.
          key={index}
          data-slot={family}
          className={clsx(
            'rounded-[1px]',
            size === 'large' ? 'max-w-7 min-w-1.5 flex-1' : 'max-w-3 min-w-[3px] flex-1',
            segment(family),
          )}
        />
      ))}
    </span>
  );
}

/** The mark: a woven hive out of slot bars. */
export function Mark({ size = 20, worst }: { readonly size?: number; readonly worst?: Family }) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 20 20"
      width={size}
      height={size}
      className={worst === undefined || worst === 'ok' ? 'text-accent' : undefined}
    >
      <g fill="currentColor">
        <rect x="7" y="1.5" width="6" height="3" rx="0.9" />
        <rect x="4" y="5.75" width="5.5" height="3" rx="0.9" />
        <rect x="10.5" y="5.75" width="5.5" height="3" rx="0.9" />
        <rect x="2" y="10" width="4.5" height="3" rx="0.9" />
        <rect x="7.5" y="10" width="5" height="3" rx="0.9" opacity="0.55" />
        <rect x="13.5" y="10" width="4.5" height="3" rx="0.9" />
        <rect x="1" y="14.25" width="5.5" height="3" rx="0.9" />
        <path d="M7.5 17.25v-1.4a1.6 1.6 0 0 1 1.6-1.6h1.8a1.6 1.6 0 0 1 1.6 1.6v1.4z" opacity="0.25" />
        <rect x="13.5" y="14.25" width="5.5" height="3" rx="0.9" />
      </g>
    </svg>
  );
}
