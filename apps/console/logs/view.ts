import { createMatcher, NO_FILTER } from './matcher.ts';
import type { LogFilter, Matcher } from './matcher.ts';
import { LogRing } from './ring.ts';
import type { LogLine, RingLimits } from './ring.ts';

export interface Counts {
  readonly E: number;
  readonly W: number;
  readonly I: number;
  readonly D: number;
}

/** The ring and the numbers of the lines that pass the filter, kept in step as lines come and go. */
export class LogView {
  readonly #ring: LogRing;
  #filter: LogFilter = NO_FILTER;
  #matches: Matcher = () => true;
  #shown: number[] = [];
  #start = 0;
  #counts = { E: 0, W: 0, I: 0, D: 0 };

  constructor(limits?: RingLimits) {
    this.#ring = new LogRing(limits);
  }

  get total(): number {
    return this.#ring.size;
  }

  get shownCount(): number {
    return this.#shown.length - this.#start;
  }

  /** Lines per level since the beginning; lines without a level count as `I`. */
  get counts(): Counts {
    return { ...this.#counts };
  }

  get filter(): LogFilter {
    return this.#filter;
  }

  /** Changes the filter; a bad pattern changes nothing and is returned in words. */
  setFilter(filter: LogFilter): string | undefined {
    const made = createMatcher(filter);
    if ('error' in made) {
      return made.error;
    }
    this.#filter = filter;
    this.#matches = made.matches;
    this.#shown = [];
    this.#start = 0;
    for (let seq = this.#ring.first; seq < this.#ring.end; seq += 1) {
      const line = this.#ring.at(seq);
      if (line !== undefined && made.matches(line)) {
        this.#shown.push(seq);
      }
    }
    return undefined;
  }

  push(line: Omit<LogLine, 'seq'>): void {
    const kept = this.#ring.push(line);
    this.#counts[kept.level ?? 'I'] += 1;
    if (this.#matches(kept)) {
      this.#shown.push(kept.seq);
    }
    while ((this.#shown[this.#start] ?? Number.MAX_SAFE_INTEGER) < this.#ring.first) {
      this.#start += 1;
    }
    if (this.#start > 4_096 && this.#start * 2 > this.#shown.length) {
      this.#shown = this.#shown.slice(this.#start);
      this.#start = 0;
    }
  }

  /** Lines `from` (0-based, of those shown) up to `to`, exclusive. */
  slice(from: number, to: number): readonly LogLine[] {
    const lines: LogLine[] = [];
    for (let index = Math.max(0, from); index < Math.min(to, this.shownCount); index += 1) {
      const line = this.#ring.at(this.#shown[this.#start + index] ?? -1);
      if (line !== undefined) {
        lines.push(line);
      }
    }
    return lines;
  }

  /** Everything shown as text, one line each. */
  toText(nameOf: (task: number) => string): string {
    return this.slice(0, this.shownCount)
      .map((line) => `${isoTime(line.tsNs)} ${nameOf(line.task)} ${line.text}`)
      .join('\n');
  }

  clear(): void {
    this.#ring.clear();
    this.#shown = [];
    this.#start = 0;
    this.#counts = { E: 0, W: 0, I: 0, D: 0 };
  }
}

/** Milliseconds of a time in nanoseconds. */
export function millisecondsOf(tsNs: string): number {
  return Number(tsNs.slice(0, -6));
}

export function isoTime(tsNs: string): string {
  const ms = millisecondsOf(tsNs);
  return Number.isFinite(ms) && ms > 0 ? new Date(ms).toISOString() : '';
}
