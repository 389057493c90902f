import { Prng, errorMessage } from '@skep/kernel';

import { Violation } from './checkers/violation.ts';
import { isRaftPlant, isSwarmPlant } from './plants.ts';
import { RaftWorld } from './raft-world.ts';
import { drawScenario } from './scenario.ts';
import { drawSwarmScenario } from './swarm/swarm-scenario.ts';
import { SwarmWorld } from './swarm/swarm-world.ts';

/** `raft`: groups of members alone; `swarm`: a whole cluster. */
export type World = 'raft' | 'swarm';

/** A crash of the code under test, a property that did not hold, or things that did not come right in the end. */
export type FailureKind = 'crash' | 'violation' | 'noConvergence';

export const EXIT_CODES: Readonly<Record<FailureKind, number>> = { crash: 1, violation: 2, noConvergence: 3 };

export interface Failure {
  readonly kind: FailureKind;
  /** Name of the property, or of the error. */
  readonly property: string;
  readonly message: string;
  readonly stack: string;
}

/** One run of one world, failed or not. */
export interface WorldRun {
  readonly world: World;
  readonly seed: number;
  readonly figures: Readonly<Record<string, number>>;
  readonly traceHash: string;
  readonly failure: Failure | undefined;
}

/** Runs a world from a seed, with a planted mistake if one is named. */
export async function runWorld(world: World, seed: number, plant?: string): Promise<WorldRun> {
  try {
    const { traceHash, scenario: _scenario, seed: _seed, ...figures } = await play(world, seed, plant ?? '');
    return { world, seed, figures, traceHash, failure: undefined };
  } catch (error) {
    return { world, seed, figures: {}, traceHash: '', failure: failureOf(error) };
  }
}

async function play(
  world: World,
  seed: number,
  plant: string,
): Promise<ReturnType<RaftWorld['run']> | Awaited<ReturnType<SwarmWorld['run']>>> {
  if (world === 'raft') {
    return new RaftWorld(seed, isRaftPlant(plant) ? plant : undefined).run();
  }
  return new SwarmWorld(seed, isRaftPlant(plant) || isSwarmPlant(plant) ? plant : undefined).run();
}

function failureOf(error: unknown): Failure {
  const message = errorMessage(error);
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  if (!(error instanceof Violation)) {
    const property = error instanceof Error ? error.name : 'Error';
    return { kind: 'crash', property, message: `${property}: ${message}`, stack };
  }
  const kind = error.property.startsWith('anytime') ? 'violation' : 'noConvergence';
  return { kind, property: error.property, message, stack };
}

/** What a seed draws before its run. */
export function scenarioOf(world: World, seed: number): object {
  const root = new Prng(seed);
  return world === 'raft'
    ? drawScenario(root.fork('scenario'))
    : drawSwarmScenario(root.fork('swarm scenario'));
}
