import { assert } from '@skep/kernel';

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Simulated time: what is scheduled runs in order of time, and in order of scheduling within one millisecond. */
export class EventQueue {
  #heap: Scheduled[] = [];
  #nowMs = 0;
  #order = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): void {
    assert(delayMs >= 0, 'nothing can be scheduled in the past');
    this.#order += 1;
    this.#push({ atMs: this.#nowMs + delayMs, order: this.#order, run });
  }

  /** Runs the next event; false when it lies after `untilMs` or there is none. */
  step(untilMs: number): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.atMs > untilMs) {
      this.#nowMs = Math.max(this.#nowMs, untilMs);
      return false;
    }
    this.#pop();
    this.#nowMs = next.atMs;
    next.run();
    return true;
  }

  #push(item: Scheduled): void {
    const heap = this.#heap;
    heap.push(item);
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(item, heap[parent])) {
        break;
      }
      heap[at] = heap[parent] as Scheduled;
      at = parent;
    }
    heap[at] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) {
      return;
    }
    let at = 0;
    for (;;) {
      const left = at * 2 + 1;
      const right = left + 1;
      const child = isBefore(heap[right], heap[left]) ? right : left;
      if (!isBefore(heap[child], last)) {
        break;
      }
      heap[at] = heap[child] as Scheduled;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Scheduled | undefined, b: Scheduled | undefined): boolean {
  if (a === undefined || b === undefined) {
    return a !== undefined;
  }
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
