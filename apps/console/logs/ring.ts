/** One line as kept: nanoseconds as text, because they exceed what a number holds exactly. */
export interface LogLine {
  readonly seq: number;
  readonly tsNs: string;
  readonly task: number;
  readonly isErr: boolean;
  readonly level: 'E' | 'W' | 'I' | 'D' | null;
  readonly text: string;
  readonly isLate: boolean;
}

export const LINES_MAX = 200_000;
export const BYTES_MAX = 64 * 1024 * 1024;
/** What a line costs besides its text, roughly. */
const LINE_OVERHEAD_BYTES = 96;

export interface RingLimits {
  readonly lines: number;
  readonly bytes: number;
}

/**
 * The newest lines, bounded by number and by size: the oldest leave first. Lines are numbered from 0 in order of
 * arrival, and a number never means another line.
 */
export class LogRing {
  readonly #limits: RingLimits;
  #lines: LogLine[] = [];
  #first = 0;
  #start = 0;
  #bytes = 0;

  constructor(limits: RingLimits = { lines: LINES_MAX, bytes: BYTES_MAX }) {
    this.#limits = limits;
  }

  /** Number of the oldest line that is kept. */
  get first(): number {
    return this.#first;
  }

  /** One past the newest. */
  get end(): number {
    return this.#first + this.size;
  }

  get size(): number {
    return this.#lines.length - this.#start;
  }

  at(seq: number): LogLine | undefined {
    const index = seq - this.#first;
    return index < 0 ? undefined : this.#lines[this.#start + index];
  }

  push(line: Omit<LogLine, 'seq'>): LogLine {
    const kept: LogLine = { ...line, seq: this.end };
    this.#lines.push(kept);
    this.#bytes += line.text.length * 2 + LINE_OVERHEAD_BYTES;
    while (this.size > this.#limits.lines || (this.#bytes > this.#limits.bytes && this.size > 1)) {
      this.#dropOldest();
    }
    return kept;
  }

  #dropOldest(): void {
    const oldest = this.#lines[this.#start];
    this.#bytes -= (oldest?.text.length ?? 0) * 2 + LINE_OVERHEAD_BYTES;
    this.#start += 1;
    this.#first += 1;
    // Moving the array at each line would cost its length; moving it when half is waste costs nothing on average.
    if (this.#start > 4_096 && this.#start * 2 > this.#lines.length) {
      this.#lines = this.#lines.slice(this.#start);
      this.#start = 0;
    }
  }

  clear(): void {
    this.#first = this.end;
    this.#lines = [];
    this.#start = 0;
    this.#bytes = 0;
  }
}
