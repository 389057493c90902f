import { TASK_ID_LABEL, type WorkerOptions } from '@skep/agent/worker';
import { SwarmError, type Prng } from '@skep/kernel';

import type { EventQueue } from '../event-queue.ts';
import type { SwarmPlant } from '../plants.ts';
import type { SimProcess } from '../sim-process.ts';

type EngineApi = WorkerOptions['engine'];
type ContainerApi = EngineApi['containers'];
type Summary = Awaited<ReturnType<ContainerApi['list']>>[number];
type Exit = Awaited<ReturnType<ContainerApi['wait']>>;

const STOP_GRACE_MS = 1_500;
const OOM_EXIT_CODE = 137;

/** A container of a simulated host. */
export interface SimContainer {
  readonly id: string;
  readonly taskId: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  state: 'created' | 'running' | 'exited';
  exitCode: number;
  isOomKilled: boolean;
  waiting: (() => void)[];
}

export interface EngineOutside {
  readonly host: number;
  readonly queue: EventQueue;
  readonly random: Prng;
  readonly engineMs: readonly [number, number];
  readonly pullFailureShare: number;
  readonly startFailureShare: number;
  readonly plant: SwarmPlant | undefined;
  readonly onStarted: (host: number, container: SimContainer) => void;
  readonly onEnded: (host: number, container: SimContainer) => void;
}

/**
 * The containers and images of one host. What an image is called says how its containers fare: `good:1` runs for ever,
 * `crash:1` fails after a while, `done:1` ends well, `nostart:1` cannot be started, `absent:1` cannot be pulled.
 */
export class SimEngine {
  readonly containers = new Map<string, SimContainer>();
  readonly #outside: EngineOutside;
  readonly #images = new Set<string>();
  #count = 0;
  #isCalm = false;
  /** Calls under way when the power goes do nothing. */
  #powerLife = 0;

  constructor(outside: EngineOutside) {
    this.#outside = outside;
  }

  get running(): readonly SimContainer[] {
    return [...this.containers.values()].filter(({ state }) => state === 'running');
  }

  /** From here on only what cannot work fails. */
  calm(): void {
    this.#isCalm = true;
  }

  /** Everything stops at once, and nobody hears of it. */
  powerLoss(): void {
    this.#powerLife += 1;
    for (const container of this.running) {
      container.waiting = [];
      this.#end(container, OOM_EXIT_CODE, false);
    }
    this.containers.forEach((container) => (container.waiting = []));
  }

  /** The kernel kills a container for its memory. */
  oomKill(): void {
    if (this.running.length > 0) {
      this.#end(this.#outside.random.pick(this.running), OOM_EXIT_CODE, true);
    }
  }

  /** The engine as one process in one of its lives sees it: after its death nobody hears the answers. */
  api(process: SimProcess): EngineApi {
    const call = <T>(effect: () => T, delayMs = this.#callMs()): Promise<T> =>
      this.#call(process, delayMs, effect);
    const containers: Partial<ContainerApi> = {
      create: ({ image, labels }) => call(() => ({ id: this.#create(image, labels ?? {}).id, warnings: [] })),
      start: (ref) => call(() => this.#start(this.#find(ref))),
      stop: (ref) => call(() => this.#find(ref)).then((found) => this.#stop(process, found)),
      remove: (ref) =>
        call(() => {
          this.#remove(this.#find(ref));
        }),
      wait: (ref) => this.#wait(process, ref),
      inspect: (ref) => call(() => summaryOf(this.#find(ref))) as ReturnType<ContainerApi['inspect']>,
      list: () => call(() => this.#list()),
    };
    const images: Partial<EngineApi['images']> = {
      has: (reference) => call(() => this.#images.has(reference), 1),
      pull: (reference) => call(() => this.#pull(reference)),
    };
    const events: Partial<EngineApi['events']> = { subscribe: () => () => undefined };
    return { containers, images, events } as unknown as EngineApi;
  }

  #list(): readonly Summary[] {
    const listed = [...this.containers.values()];
    switch (this.#outside.plant) {
      // Mistakes: a new agent does not see what an old one left, or takes what has ended for new.
      case 'forgetContainers':
        return [];
      case 'restartEndedTask':
        return listed.map((item) =>
          summaryOf(item.state === 'exited' ? { ...item, state: 'created' } : item),
        );
      default:
        return listed.map(summaryOf);
    }
  }

  #callMs(): number {
    const [low, high] = this.#isCalm ? [1, 20] : this.#outside.engineMs;
    return low + this.#outside.random.nextInt(high - low + 1);
  }

  #call<T>(process: SimProcess, delayMs: number, effect: () => T): Promise<T> {
    const { life } = process;
    const powerLife = this.#powerLife;
    return new Promise((resolve, reject) => {
      this.#outside.queue.after(delayMs, () => {
        if (powerLife !== this.#powerLife) {
          return;
        }
        let answer: () => void;
        try {
          const value = effect();
          answer = () => {
            resolve(value);
          };
        } catch (error) {
          answer = () => {
            reject(error instanceof Error ? error : new Error(String(error)));
          };
        }
        process.whenAwake(answer, life);
      });
    });
  }

  #find(ref: string): SimContainer {
    const found = this.containers.get(ref);
    if (found === undefined) {
      throw new SwarmError('not_found', `No such container: ${ref}`);
    }
    return found;
  }

  #fails(share: number): boolean {
    return !this.#isCalm && this.#outside.random.chance(share);
  }

  #pull(reference: string): Awaited<ReturnType<EngineApi['images']['pull']>> {
    if (reference.startsWith('absent:')) {
      throw new SwarmError('not_found', `No such image: ${reference}`);
    }
    if (this.#fails(this.#outside.pullFailureShare)) {
      throw new SwarmError('unavailable', 'the registry does not answer');
    }
    const isNew = !this.#images.has(reference);
    this.#images.add(reference);
    return { digest: '', imageId: reference, isNew, reference };
  }

  #create(image: string, labels: Readonly<Record<string, string>>): SimContainer {
    this.#count += 1;
    const container: SimContainer = {
      id: `c${String(this.#outside.host)}-${String(this.#count)}`,
      taskId: labels[TASK_ID_LABEL] ?? '',
      image,
      labels,
      state: 'created',
      exitCode: 0,
      isOomKilled: false,
      waiting: [],
    };
    this.containers.set(container.id, container);
    return container;
  }

  #start(container: SimContainer): boolean {
    if (container.state === 'running') {
      return false;
    }
    if (container.image.startsWith('nostart:') || this.#fails(this.#outside.startFailureShare)) {
      throw new SwarmError('internal', 'the runtime could not start the container');
    }
    container.state = 'running';
    this.#outside.onStarted(this.#outside.host, container);
    const exitCode = container.image.startsWith('crash:')
      ? 1
      : container.image.startsWith('done:')
        ? 0
        : undefined;
    if (exitCode !== undefined) {
      this.#outside.queue.after(100 + this.#outside.random.nextInt(8_000), () => {
        this.#end(container, exitCode, false);
      });
    }
    return true;
  }

  async #stop(process: SimProcess, container: SimContainer): Promise<boolean> {
    if (container.state !== 'running') {
      return false;
    }
    return this.#call(process, this.#outside.random.nextInt(STOP_GRACE_MS), () => {
      this.#end(container, 143, false);
      return true;
    });
  }

  #end(container: SimContainer, exitCode: number, isOomKilled: boolean): void {
    if (container.state === 'running') {
      Object.assign(container, { state: 'exited', exitCode, isOomKilled });
      this.#outside.onEnded(this.#outside.host, container);
      const waiting = container.waiting;
      container.waiting = [];
      waiting.forEach((tell) => {
        tell();
      });
    }
  }

  #remove(container: SimContainer): void {
    if (this.#outside.plant !== 'leakContainers' || this.#outside.random.chance(0.9)) {
      this.#end(container, OOM_EXIT_CODE, false);
      this.containers.delete(container.id);
    }
  }

  #wait(process: SimProcess, ref: string): Promise<Exit> {
    const { life } = process;
    return new Promise((resolve, reject) => {
      const container = this.containers.get(ref);
      if (container === undefined) {
        reject(new SwarmError('not_found', `No such container: ${ref}`));
        return;
      }
      const tell = (): void => {
        const { exitCode, isOomKilled } = container;
        process.whenAwake(() => {
          resolve({ exitCode, isOomKilled, finishedAtMs: 0, error: '' });
        }, life);
      };
      if (container.state === 'exited') {
        tell();
      } else {
        container.waiting.push(tell);
      }
    });
  }
}

function summaryOf({ id, image, labels, state, exitCode, isOomKilled }: SimContainer): Summary {
  return {
    id,
    image,
    labels,
    ports: [],
    state: {
      status: state,
      pid: state === 'running' ? 7 : 0,
      exitCode,
      isOomKilled,
      error: '',
      startedAtMs: 0,
      finishedAtMs: 0,
      health: null,
    },
  } as unknown as Summary;
}
