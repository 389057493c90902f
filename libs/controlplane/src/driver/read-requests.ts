import { SwarmError } from '@skep/kernel';
import type { RaftNode } from '@skep/raft';

/** A read is asked again after this many ticks without an answer: the question or the answer may be lost. */
const RETRY_TICKS = 10;
const TIMEOUT_TICKS = 100;

/** Linearizable reads of the main thread that wait for the leader's word. */
export class ReadRequests {
  readonly #node: RaftNode;
  readonly #answer: (id: number, logIndex: number, error?: unknown) => void;
  /** By request id: ticks waited so far. */
  readonly #waiting = new Map<number, number>();

  constructor(node: RaftNode, answer: (id: number, logIndex: number, error?: unknown) => void) {
    this.#node = node;
    this.#answer = answer;
  }

  add(id: number): void {
    this.#waiting.set(id, 0);
    this.#ask(id);
  }

  #ask(id: number): void {
    const asked = this.#node.readIndex(id);
    if (!asked.ok && asked.error.code === 'resource_exhausted') {
      this.#waiting.delete(id);
      this.#answer(id, 0, asked.error);
    }
  }

  onConfirmed(id: number, logIndex: number): void {
    if (this.#waiting.delete(id)) {
      this.#answer(id, logIndex);
    }
  }

  /** Asks again: the leader has changed, and the old one has forgotten. */
  retry(): void {
    for (const id of this.#waiting.keys()) {
      this.#ask(id);
    }
  }

  tick(): void {
    for (const [id, ticks] of this.#waiting) {
      this.#waiting.set(id, ticks + 1);
      if (ticks >= TIMEOUT_TICKS) {
        this.#waiting.delete(id);
        this.#answer(
          id,
          0,
          new SwarmError('unavailable', 'the managers have no leader that a majority follows'),
        );
      } else if (ticks > 0 && ticks % RETRY_TICKS === 0) {
        this.#ask(id);
      }
    }
  }
}
