import type { World, WorldRun } from './run-world.ts';

/** What many runs of one world come to. */
export class Totals {
  readonly #world: World;
  readonly #startedMs = performance.now();
  readonly #sums = new Map<string, number>();
  #runCount = 0;
  #failureCount = 0;
  #slowestMs = 0;
  #slowestSeed = 0;

  constructor(world: World) {
    this.#world = world;
  }

  add({ seed, figures, failure }: WorldRun): void {
    this.#runCount += 1;
    if (failure !== undefined) {
      this.#failureCount += 1;
      return;
    }
    for (const [name, value] of Object.entries(figures)) {
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + value);
    }
    const convergedMs = figures['convergedAfterMs'] ?? 0;
    if (convergedMs > this.#slowestMs) {
      this.#slowestMs = convergedMs;
      this.#slowestSeed = seed;
    }
  }

  /** One paragraph for people. */
  get text(): string {
    const sum = (name: string): string => String(this.#sums.get(name) ?? 0);
    const hours = ((this.#sums.get('simulatedMs') ?? 0) / 3_600_000).toFixed(1);
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1);
    const ofSwarm =
      this.#world === 'swarm'
        ? `${sum('changes')} changes, ${sum('tasks')} tasks run, ${sum('joins')} managers joined, `
        : '';
    return (
      `${this.#world}: ${String(this.#runCount)} seeds, ${String(this.#failureCount)} failed; ` +
      `${hours} hours simulated in ${seconds} s, ${sum('committed')} entries committed, ${ofSwarm}` +
      `${sum('leaders')} leaders, ${sum('crashes')} crashes, ${sum('repairs')} torn logs repaired, ` +
      `${sum('refusals')} damaged ones refused; slowest convergence ${String(this.#slowestMs)} ms ` +
      `(seed ${String(this.#slowestSeed)})`
    );
  }
}
