import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { isRaftPlant, isSwarmPlant, RAFT_PLANTS, SWARM_PLANTS } from './plants.ts';
import { EXIT_CODES, runWorld, scenarioOf, type World, type WorldRun } from './run-world.ts';
import { Totals } from './totals.ts';

const REGRESSIONS = fileURLToPath(new URL('../regressions.txt', import.meta.url));

const USAGE = `usage: npm run sim -- [--world raft|swarm] [--seed N | --seeds COUNT [--from N]] [--keep] [--verbose]

  --world NAME  raft: groups of members alone; swarm: a whole cluster. Both when absent.
  --seed N      one run, its scenario and outcome printed
  --seeds N     that many runs of each world, summed up (default 100)
  --from N      first seed of --seeds (default 1)
  --seconds N   ends after this long, with what has been run
  --keep        goes on after a failure and adds its seed to libs/sim/regressions.txt
  --plant NAME  with a planted mistake, to see it found: one of
                ${RAFT_PLANTS.join(', ')},
                ${SWARM_PLANTS.join(', ')}
  --verbose     a line for each run`;

const OPTIONS = {
  world: { type: 'string' },
  seed: { type: 'string' },
  seeds: { type: 'string', default: '100' },
  from: { type: 'string', default: '1' },
  seconds: { type: 'string', default: '0' },
  plant: { type: 'string' },
  keep: { type: 'boolean', default: false },
  verbose: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

interface Plan {
  readonly worlds: readonly World[];
  readonly first: number;
  readonly count: number;
  readonly plant: string | undefined;
  readonly isKeeping: boolean;
  readonly isVerbose: boolean;
  readonly endsAtMs: number;
}

/** The plan that the arguments ask for; undefined when they make no sense. */
function planOf(
  values: ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'],
): Plan | undefined {
  const { world, seed, seeds, from, plant, keep, verbose, seconds } = values;
  const first = Number(seed ?? from);
  const count = seed === undefined ? Number(seeds) : 1;
  const worlds = worldsOf(world, plant);
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1 || worlds === undefined) {
    return undefined;
  }
  return {
    worlds,
    first,
    count,
    plant,
    isKeeping: keep,
    isVerbose: verbose || seed !== undefined,
    endsAtMs: Number(seconds) > 0 ? performance.now() + Number(seconds) * 1000 : Number.POSITIVE_INFINITY,
  };
}

/** The worlds to run; undefined when there is no such world or mistake. */
function worldsOf(world: string | undefined, plant: string | undefined): readonly World[] | undefined {
  if (plant !== undefined && !isRaftPlant(plant) && !isSwarmPlant(plant)) {
    return undefined;
  }
  if (world === undefined) {
    const isOfRaft = plant !== undefined && isRaftPlant(plant);
    return plant === undefined ? ['raft', 'swarm'] : [isOfRaft ? 'raft' : 'swarm'];
  }
  return world === 'raft' || world === 'swarm' ? [world] : undefined;
}

function tellFailure(run: WorldRun & { readonly failure: object }): void {
  const { world, seed, failure } = run;
  console.error(`${world} seed ${String(seed)}: ${failure.message}`);
  if (failure.kind === 'crash') {
    console.error(failure.stack);
  }
  console.error(`repeat with: npm run sim -- --world ${world} --seed ${String(seed)}`);
}

async function runAll(plan: Plan, world: World): Promise<number> {
  const totals = new Totals(world);
  let exitCode = 0;
  for (let seed = plan.first; seed < plan.first + plan.count; seed += 1) {
    if (performance.now() > plan.endsAtMs) {
      break;
    }
    const run = await runWorld(world, seed, plan.plant);
    totals.add(run);
    if (run.failure !== undefined) {
      tellFailure({ ...run, failure: run.failure });
      exitCode = EXIT_CODES[run.failure.kind];
      if (!plan.isKeeping) {
        break;
      }
      appendFileSync(REGRESSIONS, `${world} ${String(seed)} ${run.failure.property}\n`);
    } else if (plan.isVerbose) {
      console.log(`${world} seed ${String(seed)}: ${JSON.stringify(run.figures)} trace ${run.traceHash}`);
    }
  }
  console.log(totals.text);
  return exitCode;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const plan = planOf(values);
  if (plan === undefined) {
    console.error(USAGE);
    return EXIT_CODES.crash;
  }
  if (plan.count > 1) {
    // Refusals are made by the thousand, and their stacks cost more than they tell; one seed alone shows them.
    Error.stackTraceLimit = 0;
  }
  let exitCode = 0;
  for (const world of plan.worlds) {
    if (plan.count === 1) {
      console.log(JSON.stringify(scenarioOf(world, plan.first), null, 2));
    }
    exitCode ||= await runAll(plan, world);
  }
  return exitCode;
}

process.exitCode = await main();
