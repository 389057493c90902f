import type { Prng } from '@skep/kernel';

import type { MemberScenario } from '../sim-member.ts';

/** Everything that a run of a whole cluster draws from its seed before it starts. */
export interface SwarmScenario extends MemberScenario {
  readonly managers: number;
  /** Hosts with an agent; the first ones have a manager too. */
  readonly hosts: number;
  readonly safetyMs: number;
  readonly livenessMs: number;
  readonly latencyMs: readonly [number, number];
  readonly lossShare: number;
  readonly duplicateShare: number;
  readonly reorderShare: number;
  readonly commandsPerMinute: number;
  readonly managerCrashPerMinute: number;
  readonly agentCrashPerMinute: number;
  readonly powerLossPerMinute: number;
  readonly partitionPerMinute: number;
  readonly pausePerMinute: number;
  readonly transferPerMinute: number;
  readonly clockJumpPerMinute: number;
  readonly clockDriftShare: number;
  readonly flipShare: number;
  readonly oomPerMinute: number;
  /** Promotions and demotions that users ask for. */
  readonly roleChangesPerMinute: number;
  /** Shares of pulls and starts that fail although the image is good. */
  readonly pullFailureShare: number;
  readonly startFailureShare: number;
  /** What one call of the engine takes. */
  readonly engineMs: readonly [number, number];
}

/** Draws a scenario; each kind of fault is absent from some runs and wild in others. */
export function drawSwarmScenario(random: Prng): SwarmScenario {
  const sometimes = (share: number, max: number): number =>
    random.chance(share) ? random.nextFloat() * max : 0;
  const low = 1 + random.nextInt(5);
  const managers = random.pick([1, 3, 3, 3, 5]);
  return {
    managers,
    hosts: Math.max(managers, 2 + random.nextInt(4)),
    safetyMs: 30_000 + random.nextInt(40_000),
    livenessMs: 300_000,
    latencyMs: [low, low + random.nextInt(25)],
    lossShare: sometimes(0.5, 0.15),
    duplicateShare: sometimes(0.4, 0.1),
    reorderShare: sometimes(0.5, 0.2),
    commandsPerMinute: 20 + random.nextInt(60),
    managerCrashPerMinute: sometimes(0.5, 6),
    agentCrashPerMinute: sometimes(0.5, 8),
    powerLossPerMinute: sometimes(0.5, 4),
    partitionPerMinute: sometimes(0.5, 6),
    pausePerMinute: sometimes(0.4, 6),
    transferPerMinute: sometimes(0.4, 6),
    clockJumpPerMinute: sometimes(0.3, 6),
    clockDriftShare: sometimes(0.4, 0.1),
    flipShare: sometimes(0.2, 0.4),
    oomPerMinute: sometimes(0.4, 10),
    pullFailureShare: sometimes(0.4, 0.4),
    startFailureShare: sometimes(0.4, 0.3),
    engineMs: [1, 5 + random.nextInt(random.pick([20, 200, 1500]))],
    writeMs: [1, 2 + random.nextInt(random.pick([5, 20, 60]))],
    slowDiskShare: sometimes(0.2, 0.03),
    snapshotEveryEntries: random.pick([10, 50, 200, 100_000]),
    keepEntries: random.pick([0, 5, 50]),
    segmentBytes: random.pick([16_384, 131_072]),
    usePreVote: true,
    inflightMessagesMax: random.pick([4, 256]),
    messageBytesMax: random.pick([1000, 1024 * 1024]),
    roleChangesPerMinute: sometimes(0.5, 8),
  };
}
