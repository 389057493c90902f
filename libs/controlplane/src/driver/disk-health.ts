/** `slow`: a write takes (or took lately) longer than an election may; `full`: there is no room to write. */
export type DiskState = 'ok' | 'slow' | 'full';

/** A write that is under way for this long has stalled: others could have led meanwhile. */
export const STALLED_WRITE_MS = 1_500;
/** A disk that stalled counts as slow until it has been quick for this long. */
export const RECOVERY_MS = 5_000;

/** What the writes of the log say about the disk. Pure: the caller brings the time. */
export class DiskHealth {
  #isFull = false;
  #writeStartedMs: number | undefined;
  #lastStallMs = Number.NEGATIVE_INFINITY;

  onWriteStart(nowMs: number): void {
    this.#writeStartedMs = nowMs;
  }

  onWriteDone(nowMs: number): void {
    if (this.#isStalled(nowMs)) {
      this.#lastStallMs = nowMs;
    }
    this.#writeStartedMs = undefined;
    this.#isFull = false;
  }

  /** A write was refused for want of space. */
  onNoSpace(): void {
    this.#writeStartedMs = undefined;
    this.#isFull = true;
  }

  #isStalled(nowMs: number): boolean {
    return this.#writeStartedMs !== undefined && nowMs - this.#writeStartedMs >= STALLED_WRITE_MS;
  }

  stateAt(nowMs: number): DiskState {
    if (this.#isFull) {
      return 'full';
    }
    return this.#isStalled(nowMs) || nowMs - this.#lastStallMs < RECOVERY_MS ? 'slow' : 'ok';
  }
}

const NO_SPACE_CODES: readonly unknown[] = ['ENOSPC', 'EDQUOT'];

/** Whether an error says that the disk (or the quota on it) is full, which passes when room is made. */
export function isNoSpace(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NO_SPACE_CODES.includes(error.code);
}
