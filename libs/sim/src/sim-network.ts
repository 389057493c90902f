import type { Prng } from '@skep/kernel';
import type { Message } from '@skep/raft';

import type { EventQueue } from './event-queue.ts';
import type { Scenario } from './scenario.ts';

type Faults = Pick<Scenario, 'latencyMs' | 'lossShare' | 'duplicateShare' | 'reorderShare'>;

/** Messages between members: late, lost, twice, out of order, or cut off in one direction or both. */
export class SimNetwork {
  readonly #queue: EventQueue;
  readonly #random: Prng;
  readonly #deliver: (message: Message) => void;
  readonly #onLost: (message: Message) => void;
  readonly #hostOf: (raftId: number) => number;
  #faults: Faults;
  /** Ordered pairs that hear nothing: `from>to`. */
  readonly #cut = new Set<string>();
  sentCount = 0;
  lostCount = 0;

  constructor(options: {
    readonly queue: EventQueue;
    readonly random: Prng;
    readonly faults: Faults;
    readonly deliver: (message: Message) => void;
    /** A message that was sent does not arrive. */
    readonly onLost: (message: Message) => void;
    /** Host of a member, where members move about; absent: each is its own host. */
    readonly hostOf?: (raftId: number) => number;
  }) {
    this.#queue = options.queue;
    this.#random = options.random;
    this.#faults = options.faults;
    this.#deliver = options.deliver;
    this.#onLost = options.onLost;
    this.#hostOf = options.hostOf ?? ((raftId) => raftId);
  }

  /** Cuts `side` off from `others`; `oneWay` leaves the way back open. */
  partition(side: readonly number[], others: readonly number[], oneWay: boolean): void {
    for (const from of side) {
      for (const to of others) {
        this.#cut.add(`${String(from)}>${String(to)}`);
        if (!oneWay) {
          this.#cut.add(`${String(to)}>${String(from)}`);
        }
      }
    }
  }

  /** Whether nothing goes from one host to the other now. */
  isCut(from: number, to: number): boolean {
    return this.#cut.has(`${String(from)}>${String(to)}`);
  }

  #isOffTheWay({ from, to }: Message): boolean {
    return this.isCut(this.#hostOf(from), this.#hostOf(to));
  }

  heal(): void {
    this.#cut.clear();
  }

  /** No more faults of any kind. */
  calm(): void {
    this.heal();
    this.#faults = { latencyMs: [1, 5], lossShare: 0, duplicateShare: 0, reorderShare: 0 };
  }

  /** Sends; the answer is what the sender's connection can tell: whether it may have gone out. */
  send(message: Message): boolean {
    this.sentCount += 1;
    if (this.#isOffTheWay(message) || this.#random.chance(this.#faults.lossShare)) {
      this.lostCount += 1;
      return false;
    }
    this.#schedule(message);
    if (this.#random.chance(this.#faults.duplicateShare)) {
      this.#schedule(message);
    }
    return true;
  }

  #schedule(message: Message): void {
    const [low, high] = this.#faults.latencyMs;
    const factor = this.#random.chance(this.#faults.reorderShare) ? 1 + this.#random.nextInt(10) : 1;
    const delayMs = (low + this.#random.nextInt(high - low + 1)) * factor;
    this.#queue.after(delayMs, () => {
      // A partition that began on the way stops it as well.
      if (!this.#isOffTheWay(message)) {
        this.#deliver(message);
      } else {
        this.#onLost(message);
      }
    });
  }
}
