import type { Prng } from '@skep/kernel';

import { CutOff, type EngineClient } from './engine-client.ts';
import type { Expected, Inspected, Outcome, Role } from './expectations.ts';

const ROLES: readonly Role[] = ['sleeper', 'sleeper', 'ender', 'keeper', 'finisher'];
const SCRIPTS: Record<Role, (code: number) => string> = {
  sleeper: () => 'echo up; exec sleep 100000',
  ender: (code) => `echo begin; sleep 0.${String(code % 10)}; echo end; exit ${String(code)}`,
  keeper: () => 'echo up; sleep 1; exit 1',
  finisher: () => 'echo begin; sleep 0.2; echo end',
};

export interface ActorParts {
  readonly engine: EngineClient;
  readonly prng: Prng;
  readonly images: readonly string[];
  /** Image of the containers; always there. */
  readonly baseImage: string;
  /** Is given each image whose pull was answered. */
  readonly onPulled: (image: string) => void;
  /** Is given each image before it may vanish. */
  readonly onForgotten: (image: string) => void;
  /** False from the moment the host is about to lose its power: its cable goes first, and swarmd sees that. */
  readonly hasPower: () => boolean;
}

/** One client that works without pause until the engine is killed, and keeps track of what it was promised. */
export class Actor {
  readonly containers: Expected[] = [];
  readonly #name: string;
  readonly #parts: ActorParts;
  #count = 0;
  /** How many requests were carried out. */
  stepCount = 0;

  constructor(name: string, parts: ActorParts) {
    this.#name = name;
    this.#parts = parts;
  }

  /** Works until a request is cut off. Anything else that goes wrong is thrown. */
  async work(): Promise<void> {
    try {
      for (;;) {
        await this.#step();
        this.stepCount += 1;
      }
    } catch (error: unknown) {
      if (!(error instanceof CutOff)) {
        throw error;
      }
    }
  }

  async #step(): Promise<void> {
    const { prng } = this.#parts;
    const there = this.containers.filter(({ created, removed }) => created === 'yes' && removed !== 'yes');
    const container = there.length === 0 ? undefined : prng.pick(there);
    const dice = prng.nextInt(10);
    if (dice === 0) {
      await this.#pull();
    } else if (container === undefined || (dice < 4 && there.length < 6)) {
      await this.#create();
    } else if (container.started !== 'yes') {
      await this.#start(container);
    } else if (dice < 7) {
      await this.#exec(container);
    } else if (dice < 8) {
      await this.#stop(container);
    } else {
      await this.#remove(container);
    }
  }

  async #create(): Promise<void> {
    const { prng, baseImage } = this.#parts;
    this.#count += 1;
    const role = prng.pick(ROLES);
    const exitCode = role === 'ender' ? 1 + prng.nextInt(9) : 0;
    const name = `${this.#name}-${String(this.#count)}`;
    const container: Expected = {
      ...{ name, role, exitCode, pid: 0, isEndUnknown: false },
      ...{ created: 'no', started: 'no', stopped: 'no', removed: 'no' },
    };
    this.containers.push(container);
    const restart = { sleeper: 'no', ender: 'no', keeper: 'always', finisher: 'on-failure' }[role];
    await this.#attempt(container, 'created', {
      path: `/containers/create?name=${name}`,
      body: {
        Image: baseImage,
        Cmd: ['sh', '-c', SCRIPTS[role](exitCode)],
        ExposedPorts: { '80/tcp': {} },
        HostConfig: {
          RestartPolicy: { Name: restart },
          NetworkMode: prng.chance(0.4) ? 'bridge' : 'none',
          PublishAllPorts: true,
          Tmpfs: { '/scratch': '' },
          Mounts: prng.chance(0.3) ? [{ Type: 'volume', Source: `v-${name}`, Target: '/data' }] : [],
        },
      },
    });
  }

  async #start(container: Expected): Promise<void> {
    await this.#attempt(container, 'started', { path: `/containers/${container.name}/start` });
    const found = await this.#inspect(container);
    container.pid = container.role === 'sleeper' ? (found?.State.Pid ?? 0) : 0;
  }

  async #stop(container: Expected): Promise<void> {
    await this.#attempt(container, 'stopped', { path: `/containers/${container.name}/stop?t=0` });
  }

  async #remove(container: Expected): Promise<void> {
    const path = `/containers/${container.name}?force=1&v=1`;
    await this.#attempt(container, 'removed', { method: 'DELETE', path });
  }

  async #exec(container: Expected): Promise<void> {
    const { engine } = this.#parts;
    const made = await engine.call({
      method: 'POST',
      path: `/containers/${container.name}/exec`,
      body: { Cmd: ['sh', '-c', 'echo hello; sleep 0.05'], AttachStdout: true },
    });
    // 409: it has ended meanwhile.
    if (made.status === 201) {
      const { Id: id } = JSON.parse(made.text) as { Id: string };
      await engine.call({ method: 'POST', path: `/exec/${id}/start`, body: { Detach: false, Tty: false } });
    }
  }

  async #pull(): Promise<void> {
    const { engine, prng, images, onPulled, onForgotten, hasPower } = this.#parts;
    const image = prng.pick(images);
    if (prng.chance(0.6)) {
      onForgotten(image);
      await engine.call({ method: 'DELETE', path: `/images/${image}?force=1` });
    }
    const colon = image.lastIndexOf(':');
    const query = `fromImage=${image.slice(0, colon)}&tag=${image.slice(colon + 1)}`;
    const answer = await engine.call({ method: 'POST', path: `/images/create?${query}` });
    if (answer.status !== 200 || answer.text.includes('"error"')) {
      if (!hasPower()) {
        throw new CutOff(`pulling ${image} while the power went`);
      }
      throw new Error(`pulling ${image}: ${String(answer.status)} ${answer.text.slice(-300)}`);
    }
    // Another client may be forgetting it at this moment.
    onPulled(image);
  }

  async #attempt(
    container: Expected,
    what: 'created' | 'started' | 'stopped' | 'removed',
    { method = 'POST', path, body }: { method?: string; path: string; body?: unknown },
  ): Promise<void> {
    const before: Outcome = container[what];
    container[what] = 'maybe';
    const { status, text } = await this.#parts.engine.call({
      method,
      path,
      ...(body === undefined ? {} : { body }),
    });
    if (status >= 400) {
      container[what] = before;
      throw new Error(`${method} ${path}: ${String(status)} ${text.slice(0, 300)}`);
    }
    container[what] = 'yes';
  }

  async #inspect({ name }: Expected): Promise<Inspected | undefined> {
    const answer = await this.#parts.engine.call({ method: 'GET', path: `/containers/${name}/json` });
    return answer.status === 404 ? undefined : (JSON.parse(answer.text) as Inspected);
  }

  /** Forgets what is known to be gone. */
  tidy(): void {
    const left = this.containers.filter(({ created, removed }) => created === 'yes' && removed !== 'yes');
    this.containers.splice(0, this.containers.length, ...left);
  }
}
