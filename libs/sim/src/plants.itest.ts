import { describe, expect, test } from 'vitest';

import { RAFT_PLANTS, SWARM_PLANTS, type RaftPlant, type SwarmPlant } from './plants.ts';
import { runWorld, type World } from './run-world.ts';

/** Seeds tried when the one that is known finds it no more: any change of the code gives seeds another meaning. */
const SEEDS_MAX: Readonly<Record<World, number>> = { raft: 100, swarm: 8 };

/** By planted mistake: a seed that finds it, and as what. `npm run sim -- --plant NAME` finds another one. */
const FOUND: Readonly<Record<RaftPlant | SwarmPlant, readonly [World, number, string]>> = {
  forgetVote: ['raft', 60, 'anytime_oneVotePerTerm'],
  sendBeforeWrite: ['raft', 57, 'anytime_committedIsKept'],
  selfAckBeforeWrite: ['raft', 6, 'anytime_committedIsKept'],
  loseWriteOnCrash: ['raft', 6, 'anytime_committedIsKept'],
  truncateNothing: ['raft', 3, 'anytime_committedIsKept'],
  applyTwice: ['raft', 1, 'anytime_digestsEqual'],
  skipEntry: ['raft', 1, 'anytime_digestsEqual'],
  ignoreLogOnVote: ['raft', 7, 'anytime_committedIsKept'],
  skipLogMatchCheck: ['raft', 5, 'anytime_committedIsKept'],
  commitOldTermByCounting: ['raft', 207, 'anytime_committedIsKept'],
  readWithoutQuorum: ['raft', 9, 'anytime_readsAreLinearizable'],
  acceptDamage: ['raft', 6, 'anytime_damageIsRefused'],
  applyUsesClock: ['swarm', 1, 'anytime_digestsEqual'],
  startBeforeOldEnds: ['swarm', 2, 'anytime_slotRunsOne'],
  updaterIgnoresParallelism: ['swarm', 2, 'anytime_updatePolicyHolds'],
  allocatorIgnoresClaim: ['swarm', 1, 'eventually_servicesConverge'],
  loseIncrement: ['swarm', 1, 'eventually_servicesConverge'],
  ackBeforeCommit: ['swarm', 1, 'eventually_servicesConverge'],
  forgetContainers: ['swarm', 3, 'finally_nothingLeaked'],
  leakContainers: ['swarm', 3, 'finally_nothingLeaked'],
  restartEndedTask: ['swarm', 3, 'anytime_taskRunsOnce'],
  reviveTask: ['swarm', 1, 'eventually_servicesConverge'],
  keepDemoted: ['swarm', 5, 'eventually_rolesAreTaken'],
};

describe('a planted mistake is found', () => {
  test.each([...RAFT_PLANTS, ...SWARM_PLANTS])(
    '%s',
    async (plant) => {
      const [world, seed, property] = FOUND[plant];
      const others = Array.from({ length: SEEDS_MAX[world] }, (_value, i) => i + 1);
      let found: string | undefined;
      for (const tried of [seed, ...others]) {
        found = (await runWorld(world, tried, plant)).failure?.property;
        if (found !== undefined) {
          break;
        }
      }
      expect(found).toBe(property);
    },
    300_000,
  );
});
