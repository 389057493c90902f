import { describe, expect, test } from 'vitest';

import { Prng, present } from '@skep/kernel';

import { RAFT_CONFIG_DEFAULTS } from './config.ts';
import { initialMembership } from './membership.ts';
import type { Message } from './message.ts';
import { RaftNode, type Ready, type StoredState } from './raft-node.ts';

const TICK_MS = 100;
const STEP_MS = 5;
const RUN_MS = 20_000;

interface Host {
  readonly tickMs: number;
  nextTickMs: number;
  stored: StoredState;
  node: RaftNode;
  life: number;
}

/**
 * Three nodes that read by lease, on clocks that differ, with messages that are late or lost and crashes. Every leader
 * asks for a read all the time; a read that is answered below what was committed anywhere when it was asked is stale.
 */
class LeaseWorld {
  readonly #random: Prng;
  readonly #hosts = new Map<number, Host>();
  #network: { readonly atMs: number; readonly message: Message }[] = [];
  #cut = new Set<number>();
  #nowMs = 0;
  #committed = 0;
  readonly #asked = new Map<number, number>();
  #lastContext = 0;
  reads = 0;
  quickReads = 0;
  stale = 0;

  constructor(seed: number, driftShare: number) {
    this.#random = new Prng(BigInt(seed));
    const members = [1, 2, 3].map((raftId) => ({ raftId, nodeId: '', addr: '' }));
    for (const { raftId } of members) {
      const drift = (this.#random.nextFloat() * 2 - 1) * driftShare;
      const stored: StoredState = {
        hardState: { term: 0, vote: 0, commit: 0 },
        snapshot: { logIndex: 0, term: 0, membership: initialMembership(members) },
        entries: [],
      };
      const tickMs = TICK_MS * (1 + drift);
      const nextTickMs = this.#random.nextInt(TICK_MS);
      this.#hosts.set(raftId, { tickMs, nextTickMs, stored, life: 0, node: this.#start(raftId, 0, stored) });
    }
  }

  #start(raftId: number, life: number, stored: StoredState): RaftNode {
    const random = this.#random.fork(`${String(raftId)} life ${String(life)}`);
    return new RaftNode({ ...RAFT_CONFIG_DEFAULTS, readMode: 'lease', raftId, random }, stored);
  }

  run(): void {
    for (; this.#nowMs < RUN_MS; this.#nowMs += STEP_MS) {
      this.#disturb();
      for (const [raftId, host] of this.#hosts) {
        for (; host.nextTickMs <= this.#nowMs; host.nextTickMs += host.tickMs) {
          host.node.tick();
        }
        if (host.node.isLeader) {
          this.#use(host.node);
        }
        this.#drain(raftId, host);
      }
      this.#deliver();
    }
  }

  /** Who can be reached changes about every second; a crash about every five. */
  #disturb(): void {
    if (this.#random.chance(STEP_MS / 1_000)) {
      this.#cut = new Set([1, 2, 3].filter(() => this.#random.chance(0.3)));
    }
    if (this.#random.chance(STEP_MS / 5_000)) {
      const raftId = 1 + this.#random.nextInt(3);
      const host = present(this.#hosts.get(raftId), 'host');
      host.life += 1;
      host.node = this.#start(raftId, host.life, host.stored);
    }
  }

  #use(node: RaftNode): void {
    node.propose(new Uint8Array(1));
    this.#lastContext += 1;
    this.#asked.set(this.#lastContext, this.#committed);
    node.readIndex(this.#lastContext);
    if (this.#random.chance(0.001)) {
      node.transferLeadership(1 + this.#random.nextInt(3));
    }
  }

  #drain(raftId: number, host: Host): void {
    while (host.node.hasReady()) {
      const ready = host.node.ready();
      this.#check(ready);
      const first = ready.entries[0]?.logIndex ?? Number.MAX_SAFE_INTEGER;
      host.stored = {
        hardState: ready.hardState ?? host.stored.hardState,
        snapshot: host.stored.snapshot,
        entries: [...host.stored.entries.slice(0, first - 1), ...ready.entries],
      };
      for (const message of [...ready.messages, ...ready.messagesAfterWrite]) {
        if (!this.#cut.has(raftId) && !this.#cut.has(message.to)) {
          this.#network.push({ atMs: this.#nowMs + this.#random.nextInt(60), message });
        }
      }
      host.node.advance();
    }
    this.#committed = Math.max(this.#committed, host.node.status().commit);
  }

  #check({ readStates, messages }: Ready): void {
    for (const { context, logIndex } of readStates) {
      this.reads += 1;
      this.quickReads += messages.some((message) => message.type === 'heartbeat') ? 0 : 1;
      this.stale += logIndex < present(this.#asked.get(context), 'asked read') ? 1 : 0;
    }
  }

  #deliver(): void {
    const due = this.#network.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#network = this.#network.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { message } of due) {
      this.#hosts.get(message.to)?.node.step(message);
    }
  }
}

describe('reads by lease', () => {
  test.each(Array.from({ length: 8 }, (_, i) => i + 1))(
    'are never stale on clocks that differ by 10 %%, seed %i',
    (seed) => {
      const world = new LeaseWorld(seed, 0.045);
      world.run();
      expect(world.stale, `seed ${String(seed)}`).toBe(0);
      expect(world.reads).toBeGreaterThan(500);
      expect(world.quickReads).toBeGreaterThan(world.reads / 2);
    },
  );

  test('this check finds stale ones where clocks differ too much', () => {
    let stale = 0;
    for (let seed = 1; seed <= 20 && stale === 0; seed += 1) {
      const world = new LeaseWorld(seed, 0.6);
      world.run();
      ({ stale } = world);
    }
    expect(stale).toBeGreaterThan(0);
  });
});
