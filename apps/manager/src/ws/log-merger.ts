import { LOG_FLAG_LATE, type LogsLine } from '@skep/contract';

/** Lines wait this long for earlier ones from other hosts. */
export const REORDER_MS = 250;

interface Waiting {
  readonly tsNs: bigint;
  readonly arrivedMs: number;
  readonly line: LogsLine;
}

/**
 * Puts lines of many tasks in the order of their times. Each line is held for 250 ms, so that lines of other hosts
 * written before it may still overtake it; one that comes later than that is passed on at once, marked as late.
 */
export class LogMerger {
  #waiting: Waiting[] = [];
  #isSorted = true;
  #lastTsNs = 0n;

  add(line: LogsLine, nowMs: number): void {
    this.#waiting.push({ tsNs: BigInt(line[0]), arrivedMs: nowMs, line });
    this.#isSorted = false;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Lines that may go now, in order: all when `isEnd`. */
  take(nowMs: number, isEnd: boolean): LogsLine[] {
    if (!this.#isSorted) {
      this.#waiting.sort((a, b) => (a.tsNs < b.tsNs ? -1 : a.tsNs > b.tsNs ? 1 : a.arrivedMs - b.arrivedMs));
      this.#isSorted = true;
    }
    // Everything up to the last line that has waited long enough goes: what stands before it is earlier.
    let count = isEnd ? this.#waiting.length : 0;
    if (!isEnd) {
      for (let index = this.#waiting.length - 1; index >= 0; index -= 1) {
        if (nowMs - (this.#waiting[index]?.arrivedMs ?? nowMs) >= REORDER_MS) {
          count = index + 1;
          break;
        }
      }
    }
    return this.#waiting.splice(0, count).map(({ tsNs, line }) => {
      const isLate = tsNs < this.#lastTsNs;
      this.#lastTsNs = isLate ? this.#lastTsNs : tsNs;
      return isLate ? withFlag(line) : line;
    });
  }
}

function withFlag([tsNs, taskIndex, stream, level, text, flags]: LogsLine): LogsLine {
  return [tsNs, taskIndex, stream, level, text, flags | LOG_FLAG_LATE];
}
