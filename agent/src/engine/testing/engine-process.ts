import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { EngineFixture } from './engine-fixture.ts';

const PROGRAM = fileURLToPath(new URL('engine-child.ts', import.meta.url));

/** A call of the engine: `containers.start` with its arguments. */
export interface EngineStep {
  readonly call: string;
  readonly args: readonly unknown[];
}

/** An engine in a process of its own (engine-child.ts) on the roots of a fixture, which must be closed meanwhile. */
export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(fixture: EngineFixture, steps: readonly EngineStep[]) {
    const roots = [`${fixture.root}/data`, `${fixture.root}/run`, fixture.cgroupParent];
    const idMap = fixture.idMap === undefined ? '' : JSON.stringify(fixture.idMap);
    this.#child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', PROGRAM, ...roots, idMap, JSON.stringify(steps)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    if (this.#child.stdout === null) {
      throw new Error('the child has no output');
    }
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The result of the next step, as JSON. */
  async next(): Promise<string> {
    return String((await this.#lines.next()).value);
  }

  /** SIGKILL; answers when it is gone. Has ended already: nothing happens. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await gone;
    }
  }
}
