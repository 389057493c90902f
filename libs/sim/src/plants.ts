/**
 * Mistakes that can be planted, to see the simulation find them. Each is made at a seam of the simulation: in what goes
 * into and comes out of the code under test, never inside of it.
 */
export const RAFT_PLANTS = [
  'forgetVote',
  'sendBeforeWrite',
  'selfAckBeforeWrite',
  'loseWriteOnCrash',
  'truncateNothing',
  'applyTwice',
  'skipEntry',
  'ignoreLogOnVote',
  'skipLogMatchCheck',
  'commitOldTermByCounting',
  'readWithoutQuorum',
  'acceptDamage',
] as const;

export const SWARM_PLANTS = [
  'applyUsesClock',
  'startBeforeOldEnds',
  'updaterIgnoresParallelism',
  'allocatorIgnoresClaim',
  'loseIncrement',
  'ackBeforeCommit',
  'forgetContainers',
  'leakContainers',
  'restartEndedTask',
  'reviveTask',
  'keepDemoted',
] as const;

export type RaftPlant = (typeof RAFT_PLANTS)[number];
export type SwarmPlant = (typeof SWARM_PLANTS)[number];

export function isRaftPlant(text: string): text is RaftPlant {
  return RAFT_PLANTS.some((plant) => plant === text);
}

export function isSwarmPlant(text: string): text is SwarmPlant {
  return SWARM_PLANTS.some((plant) => plant === text);
}
