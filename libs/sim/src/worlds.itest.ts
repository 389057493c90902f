import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { runWorld, type World } from './run-world.ts';

/** Fewer than a night's, so that a change is checked in a minute or two; `SEEDS` and `FIRST` choose others. */
const FIRST = Number(process.env['FIRST'] ?? 1);
const SEEDS: Readonly<Record<World, number>> = {
  raft: Number(process.env['SEEDS'] ?? 40),
  swarm: Math.ceil(Number(process.env['SEEDS'] ?? 40) / 10),
};
const TIMEOUT_MS = 600_000;

async function figuresOf(world: World, seed: number): Promise<Readonly<Record<string, number>>> {
  const { figures, failure } = await runWorld(world, seed);
  if (failure !== undefined) {
    throw new Error(`npm run sim -- --world ${world} --seed ${String(seed)}: ${failure.message}`);
  }
  return figures;
}

describe.each(['raft', 'swarm'] as const)('the %s world', (world) => {
  test(
    `keeps all properties, and comes right in the end, for ${String(SEEDS[world])} seeds`,
    async () => {
      let committed = 0;
      for (let seed = FIRST; seed < FIRST + SEEDS[world]; seed += 1) {
        committed += (await figuresOf(world, seed))['committed'] ?? 0;
      }
      // A simulation in which nothing happens would pass as well.
      expect(committed).toBeGreaterThan(SEEDS[world] * 40);
    },
    TIMEOUT_MS,
  );

  test(
    'the same seed gives the same run, event by event',
    async () => {
      const [first, second] = [await runWorld(world, 7), await runWorld(world, 7)];
      expect(first.traceHash).toMatch(/^[0-9a-f]{16}$/);
      expect(second).toEqual(first);
      expect((await runWorld(world, 8)).traceHash).not.toBe(first.traceHash);
    },
    TIMEOUT_MS,
  );
});

/** Lines of `regressions.txt`: world, seed, what broke then, and after `#` what it was. */
function regressions(): (readonly [World, number])[] {
  const text = readFileSync(new URL('../regressions.txt', import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^(raft|swarm) (\d+) \S/.exec(line);
      if (match === null) {
        throw new Error(`regressions.txt: "${line}" does not begin with world, seed and property`);
      }
      return [match[1] as World, Number(match[2])] as const;
    });
}

test(
  'seeds that found a mistake once hold now',
  async () => {
    for (const [world, seed] of regressions()) {
      await figuresOf(world, seed);
    }
  },
  TIMEOUT_MS,
);
