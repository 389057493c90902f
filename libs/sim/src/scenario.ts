import type { Prng } from '@skep/kernel';

/** Everything that a run draws from its seed before it starts. Times are simulated milliseconds, shares in [0, 1]. */
export interface Scenario {
  readonly voters: number;
  readonly spares: number;
  readonly safetyMs: number;
  readonly livenessMs: number;
  readonly latencyMs: readonly [number, number];
  readonly lossShare: number;
  readonly duplicateShare: number;
  /** Share of messages that take up to ten times as long, and so overtake each other. */
  readonly reorderShare: number;
  readonly writeMs: readonly [number, number];
  readonly slowDiskShare: number;
  readonly crashPerMinute: number;
  /** Share of crashes that take all members at once. */
  readonly blackoutShare: number;
  /** Share of new leaders that crash within moments of their election. */
  readonly huntedLeaderShare: number;
  readonly partitionPerMinute: number;
  readonly pausePerMinute: number;
  readonly membershipPerMinute: number;
  readonly transferPerMinute: number;
  readonly proposalsPerSecond: number;
  readonly readsPerSecond: number;
  readonly snapshotEveryEntries: number;
  readonly keepEntries: number;
  /** Each member's tick differs by up to this share from 100 ms. */
  readonly clockDriftShare: number;
  readonly usePreVote: boolean;
  readonly inflightMessagesMax: number;
  readonly messageBytesMax: number;
  /** Size of a log segment on disk. */
  readonly segmentBytes: number;
  /** Share of crashes after which a bit of the log reads wrong at the next start. */
  readonly flipShare: number;
  readonly clockJumpPerMinute: number;
}

/**
 * Draws a scenario. Each kind of fault is switched off altogether in some runs and wild in others: faults that are
 * always a little there hide each other ("swarm testing", Groce et al., ISSTA 2012).
 */
export function drawScenario(random: Prng): Scenario {
  const sometimes = (share: number, max: number): number =>
    random.chance(share) ? random.nextFloat() * max : 0;
  const low = 1 + random.nextInt(10);
  const messageBytesMax = random.pick([1, 100, 1000, 1024 * 1024]);
  // One entry a message and hundreds in flight only floods the network: 600,000 messages tell no more than 10,000.
  const inflightMessagesMax = random.pick(messageBytesMax === 1 ? [1, 4] : [1, 4, 256]);
  return {
    voters: random.pick([1, 2, 3, 3, 3, 5, 5]),
    spares: random.pick([0, 1, 2, 3]),
    safetyMs: 30_000 + random.nextInt(60_000),
    livenessMs: 60_000,
    latencyMs: [low, low + random.nextInt(40)],
    lossShare: sometimes(0.6, 0.3),
    duplicateShare: sometimes(0.5, 0.2),
    reorderShare: sometimes(0.6, 0.3),
    writeMs: [1, 2 + random.nextInt(random.pick([5, 20, 150]))],
    slowDiskShare: sometimes(0.3, 0.1),
    crashPerMinute: sometimes(0.7, 20),
    blackoutShare: random.pick([0, 0.1, 0.5]),
    huntedLeaderShare: sometimes(0.3, 0.9),
    partitionPerMinute: sometimes(0.7, 15),
    pausePerMinute: sometimes(0.4, 10),
    membershipPerMinute: sometimes(0.5, 12),
    transferPerMinute: sometimes(0.4, 10),
    proposalsPerSecond: 1 + random.nextInt(20),
    readsPerSecond: random.nextInt(5),
    snapshotEveryEntries: random.pick([10, 50, 200, 100_000]),
    keepEntries: random.pick([0, 5, 50]),
    clockDriftShare: sometimes(0.5, 0.3),
    usePreVote: random.chance(0.8),
    inflightMessagesMax,
    messageBytesMax,
    segmentBytes: random.pick([2_048, 16_384, 131_072]),
    flipShare: sometimes(0.3, 0.5),
    clockJumpPerMinute: sometimes(0.3, 10),
  };
}
