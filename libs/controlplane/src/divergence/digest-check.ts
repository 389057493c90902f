import type { Logger } from 'pino';

import { judge, type Verdict } from './verdict.ts';

/** Log indexes at which managers compare their state. */
const DIGEST_EVERY_ENTRIES = 1_000;
/** Comparisons kept while somebody's digest is not there yet. */
const KEPT_MAX = 32;

export interface DigestCheckPorts {
  readonly log: Logger;
  readonly nodeId: string;
  isLeading(): boolean;
  votersCount(): number;
  /** A manager has left the common state at a log index. */
  diverged(nodeId: string, logIndex: number, verdict: Verdict): void;
}

/**
 * Compares the state of all managers at the same log index, on the leader. A difference is a bug, or memory or disk
 * that lies: who differs from the others must stop before anybody believes it.
 */
export class DigestCheck {
  readonly #ports: DigestCheckPorts;
  readonly #everyEntries: number;
  readonly #told = new Map<number, Map<string, string>>();
  readonly #judged = new Set<string>();

  constructor(ports: DigestCheckPorts, everyEntries = DIGEST_EVERY_ENTRIES) {
    this.#ports = ports;
    this.#everyEntries = everyEntries;
  }

  /** Whether a digest is wanted at a log index. */
  isDue(logIndex: number): boolean {
    return logIndex % this.#everyEntries === 0;
  }

  /** Notes what a manager (this one too) says of its state. */
  note(nodeId: string, logIndex: number, digest: string): void {
    const byNode = this.#told.get(logIndex) ?? new Map<string, string>();
    byNode.set(nodeId, digest);
    this.#told.set(logIndex, byNode);
    for (const [index, digests] of this.#told) {
      this.#judge(index, digests, index < logIndex);
    }
    const oldest = this.#told.keys().next().value;
    if (this.#told.size > KEPT_MAX && oldest !== undefined) {
      this.#told.delete(oldest);
    }
  }

  /** What this manager said of its own state at a log index, if that is not long ago. */
  own(logIndex: number): string | undefined {
    return this.#told.get(logIndex)?.get(this.#ports.nodeId);
  }

  #judge(logIndex: number, byNode: ReadonlyMap<string, string>, isLast: boolean): void {
    const { nodeId: leaderId, log } = this.#ports;
    if (!this.#ports.isLeading() || !byNode.has(leaderId)) {
      return;
    }
    const verdict = judge({ leaderId, byNode, votersCount: this.#ports.votersCount(), isLast });
    for (const nodeId of verdict?.diverged ?? []) {
      const key = `${nodeId}/${String(logIndex)}`;
      if (verdict === undefined || this.#judged.has(key)) {
        continue;
      }
      this.#judged.add(key);
      log.error(
        { nodeId, logIndex, digest: byNode.get(nodeId), digestOfOthers: verdict.digest },
        'the state of a manager differs from that of the others at the same log index; it is told to stop',
      );
      this.#ports.diverged(nodeId, logIndex, verdict);
    }
  }
}
