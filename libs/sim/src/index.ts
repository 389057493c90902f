export { Violation } from './checkers/violation.ts';
export { RAFT_PLANTS, SWARM_PLANTS, type RaftPlant, type SwarmPlant } from './plants.ts';
export { RaftWorld, type RaftRun } from './raft-world.ts';
export { drawScenario, type Scenario } from './scenario.ts';
