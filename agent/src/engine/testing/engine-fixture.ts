import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { buildArchive, buildBusyboxImage, type BusyboxRecipe, type IdMap } from '@skep/oci';
import type { ContainerConfig } from '../container-config.ts';
import type { EngineEvent } from '../engine-api.ts';
import { Engine, type EngineOptions } from '../engine.ts';
import { hasPrivateMounts } from '../runtime/cgroup-host.ts';

const POLL_MS = 10;

/** A real engine on roots of its own, for integration tests. Opens again on the same roots as often as is wanted. */
export class EngineFixture {
  readonly root: string;
  readonly cgroupParent: string;
  readonly #options: Partial<EngineOptions>;
  #engine: Engine | undefined;

  private constructor(root: string, options: Partial<EngineOptions>) {
    this.root = root;
    this.cgroupParent = `/${basename(root)}`;
    this.#options = options;
  }

  static async create(options: Partial<EngineOptions> = {}): Promise<EngineFixture> {
    if (!hasPrivateMounts()) {
      throw new Error('run these tests in a mount namespace of their own: unshare --mount npm run itest');
    }
    const fixture = new EngineFixture(await mkdtemp(join(tmpdir(), 'skep-engine-')), options);
    // A remapped root must be able to pass; swarmd sees to it for the two roots.
    await chmod(fixture.root, 0o711);
    await mkdir(join(fixture.root, 'data'), { mode: 0o755 });
    await mkdir(join(fixture.root, 'run'), { mode: 0o755 });
    await fixture.open();
    return fixture;
  }

  /** The map of users that the engine was opened with first. */
  get idMap(): IdMap | undefined {
    return this.#options.idMap;
  }

  get engine(): Engine {
    if (this.#engine === undefined) {
      throw new Error('the engine is closed');
    }
    return this.#engine;
  }

  /** Opens the engine again, with other options when they are given. */
  async open(options: Partial<EngineOptions> = this.#options): Promise<Engine> {
    this.#engine = await Engine.open({
      dataRoot: join(this.root, 'data'),
      runRoot: join(this.root, 'run'),
      cgroupParent: this.cgroupParent,
      ...options,
    });
    return this.#engine;
  }

  async close(): Promise<void> {
    await this.#engine?.close();
    this.#engine = undefined;
  }

  /** Makes a container and starts it; answers its id. */
  async start(config: ContainerConfig): Promise<string> {
    const { containers } = this.engine;
    const { id } = await containers.create(config);
    await containers.start(id);
    return id;
  }

  /** What a script prints in a container that runs. */
  async inside(id: string, script: string, user = ''): Promise<string> {
    const { output } = await this.engine.execs.run(id, { cmd: ['sh', '-c', script], user });
    return output.toString();
  }

  /** Removes containers, running or not, with their anonymous volumes. */
  async remove(...ids: string[]): Promise<void> {
    for (const id of ids) {
      await this.engine.containers.remove(id, { force: true, removeVolumes: true });
    }
  }

  /** Loads the busybox image under a name. */
  async loadBusybox(name = 'busybox:latest', recipe: BusyboxRecipe = {}): Promise<string> {
    const archive = buildArchive(buildBusyboxImage(recipe), [name]);
    const loaded = await this.engine.images.load(Readable.from([archive]));
    return loaded[0]?.imageId ?? '';
  }

  /** Removes everything and answers what was left over on the machine, which should be nothing. */
  async destroy(): Promise<readonly string[]> {
    if (this.#engine === undefined) {
      await this.open();
    }
    for (const container of await this.engine.containers.list({ all: true })) {
      await this.engine.containers.remove(container.id, { force: true, removeVolumes: true });
    }
    await this.close();
    const left = this.leftovers();
    spawnSync('umount', ['-R', ...mountsBelow(this.root)]);
    await rm(this.root, { recursive: true, force: true });
    return left;
  }

  /** Mounts, processes and cgroups of this engine that are there now, apart from its own ramfs. */
  leftovers(): string[] {
    const mounts = mountsBelow(this.root).filter((path) => !path.endsWith('/engine/files'));
    const processes = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => commandLine(pid).includes(this.root))
      .map((pid) => `process ${pid}: ${commandLine(pid)}`);
    const cgroups = this.#cgroups().flatMap((parent) =>
      readdirSync(parent, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(parent, entry.name)),
    );
    if (cgroups.length === 0) {
      this.#cgroups().forEach((parent) => {
        rmdirSync(parent);
      });
    }
    return [...mounts, ...processes, ...cgroups];
  }

  #cgroups(): string[] {
    return ['', ...readdirSync('/sys/fs/cgroup')]
      .map((name) => join('/sys/fs/cgroup', name, this.cgroupParent))
      .filter((path) => existsSync(path));
  }
}

function mountsBelow(root: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${root}/`))
    .reverse();
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch (error: unknown) {
    // The process has ended between the listing and the reading.
    return error instanceof Error ? '' : String(error);
  }
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, deadlineMs = 10_000): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error(
        `the condition did not come true within ${String(deadlineMs)} ms: ${condition.toString()}`,
      );
    }
    await delay(POLL_MS);
  }
}

/** Everything a stream brings, as text. */
export async function textOf(stream: Readable | null): Promise<string> {
  const chunks: Buffer[] = [];
  if (stream !== null) {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
    }
  }
  return Buffer.concat(chunks).toString();
}

/** All events from now on. */
export function recordEvents(engine: Engine): {
  readonly events: EngineEvent[];
  readonly actions: () => string[];
} {
  const events: EngineEvent[] = [];
  engine.events.subscribe((event) => events.push(event));
  return { events, actions: () => events.map((event) => event.action) };
}
