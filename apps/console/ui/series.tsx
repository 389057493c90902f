import type { CSSProperties } from 'react';

/** Hues that stay apart for the next series over (console.md 18.3). */
const HUES = [205, 88, 330, 145, 265, 40, 185, 300, 110, 15, 235, 60] as const;

/** Colour of the nth series, for the `series` utility. */
export function seriesStyle(index: number): CSSProperties {
  return { '--hue': HUES[index % HUES.length] } as CSSProperties;
}

const PATTERNS = ['solid', 'dashed', 'dotted', 'double'] as const;

/** A second carrier beside the hue: the line style of the chip's edge. */
export function seriesPattern(index: number): (typeof PATTERNS)[number] {
  return PATTERNS[Math.floor(index / 3) % PATTERNS.length] ?? 'solid';
}
