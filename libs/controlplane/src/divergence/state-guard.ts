import type { Logger } from 'pino';

import type { Clock } from '@skep/kernel';
import type { AppliedEntry, Store } from '@skep/store';

import type { FollowerServer } from '../broker/follower-server.ts';
import type { LeaderLink } from '../broker/leader-link.ts';
import type { RaftHandle } from '../driver/raft-handle.ts';
import type { Leadership } from '../leadership.ts';
import type { KeyLock } from '../recovery/key-lock.ts';
import { DigestCheck } from './digest-check.ts';
import { keepEvidence } from './evidence.ts';

export interface StateGuardPorts {
  readonly log: Logger;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly raftDir: string;
  readonly store: Store;
  readonly raft: Pick<RaftHandle, 'status'>;
  readonly leadership: Pick<Leadership, 'isLeading' | 'stop'>;
  readonly leaderLink: Pick<LeaderLink, 'sendDigest'>;
  readonly followers: Pick<FollowerServer, 'sendDiverged'>;
  readonly keyLock: Pick<KeyLock, 'key'>;
  onFatal(error: unknown): void;
}

/** Watches that this manager's state stays that of the others, and ends the manager when it does not. */
export class StateGuard {
  readonly #ports: StateGuardPorts;
  readonly #check: DigestCheck;
  #isDiverged = false;

  constructor(ports: StateGuardPorts, everyEntries?: number) {
    this.#ports = ports;
    const { log, nodeId } = ports;
    this.#check = new DigestCheck(
      {
        log,
        nodeId,
        isLeading: () => ports.leadership.isLeading,
        votersCount: () => ports.raft.status().members.filter(({ role }) => role === 'voter').length,
        diverged: (who, logIndex, { digest }) => {
          if (who === nodeId) {
            this.diverged(logIndex, digest);
          } else {
            ports.followers.sendDiverged(who, logIndex, digest);
          }
        },
      },
      everyEntries,
    );
  }

  /** Takes the digest where one is due. */
  applied({ logIndex }: Pick<AppliedEntry, 'logIndex'>): void {
    if (this.#check.isDue(logIndex)) {
      const digest = this.#ports.store.digest();
      this.#check.note(this.#ports.nodeId, logIndex, digest);
      this.#ports.leaderLink.sendDigest(logIndex, digest);
    }
  }

  /** What another manager says of its state. */
  note(nodeId: string, logIndex: number, digest: string): void {
    this.#check.note(nodeId, logIndex, digest);
  }

  /** Keeps the evidence and ends this manager: what it says can no longer be believed. */
  diverged(logIndex: number, digestOfOthers: string): void {
    if (this.#isDiverged) {
      return;
    }
    this.#isDiverged = true;
    const { raftDir, nodeId, clock, store } = this.#ports;
    const end = (error: unknown): void => {
      this.#ports.onFatal(error);
    };
    // It must decide nothing more from now on.
    this.#ports.leadership.stop();
    keepEvidence(
      {
        raftDir,
        keyEncryptionKey: this.#ports.keyLock.key,
        nodeId,
        logIndex,
        ownDigest: this.#check.own(logIndex),
        digestOfOthers,
        atMs: clock.nowMs(),
      },
      store,
    ).then(end, end);
  }
}
