import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cpus, release, totalmem } from 'node:os';
import { pino, type Logger } from 'pino';
import { SwarmError, newObjectId, parseBytes } from '@skep/kernel';
import {
  ArchivePool,
  DEFAULT_DOMAIN,
  ImageStore,
  platformFromNodeArch,
  type IdMap,
  type RegistryConfig,
} from '@skep/oci';
import { LocalVolumes, directoryBytes } from '../volume/local-volumes.ts';
import { BuilderStorage } from './build/builder-storage.ts';
import { ImageBuilds } from './build/image-builds.ts';
import { capabilitiesOfMask, chooseCapabilities } from './capabilities.ts';
import type { ContainerApi } from './container-api.ts';
import { publishContainerEvent } from './container-creator.ts';
import { mountSecretsRoot, unmountSecretsRoot } from './container-files.ts';
import { ContainerLifecycle } from './container-lifecycle.ts';
import { rotateLog } from './container-logs.ts';
import { ContainerManager } from './container-manager.ts';
import { isAlive } from './container-record.ts';
import { ensureRunDirectories } from './container-starter.ts';
import { ContainerStore } from './container-store.ts';
import type { DiskUsage, EngineApi, EngineInfo, EventApi } from './engine-api.ts';
import type { EngineContext } from './engine-context.ts';
import { EnginePaths } from './engine-paths.ts';
import { recover } from './engine-recovery.ts';
import { EventBus } from './event-bus.ts';
import type { ExecApi } from './exec-api.ts';
import { ExecManager } from './exec-manager.ts';
import { HealthMonitor } from './health-monitor.ts';
import type { ImageApi } from './image-api.ts';
import type { Watermarks } from './image-collection.ts';
import { ImageCollector, WATERMARKS_DEFAULT } from './image-collector.ts';
import { ImageManager, emptyScratch } from './image-manager.ts';
import { ensureInitLayer } from './init-layer.ts';
import type { NetworkProvider } from './network-provider.ts';
import { cgroupDirectories, makeCrunUsable, observeCgroups } from './runtime/cgroup-host.ts';
import type { OciRuntime } from './runtime/conmon.ts';
import { ExitWatcher } from './runtime/exit-watcher.ts';
import { processStartTicks } from './runtime/oci-runtime.ts';
import { SeccompCompiler } from './runtime/seccomp-compiler.ts';
import { defaultSeccomp } from './seccomp-profile.ts';
import { StateDb } from './state-db.ts';
import { UserNamespaces } from './user-namespaces.ts';

const UPKEEP_INTERVAL_MS = 2000;
const COLLECTION_INTERVAL_MS = 60_000;
const LOG_FILES_DEFAULT = 1;
const BUILD_CACHE_BYTES_DEFAULT = 10 * 1024 ** 3;
const RUNTIME_DIRECTORIES: readonly string[] = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'];

export interface EngineOptions {
  /** Lasts: content, layers, containers, volumes. Such as `/var/lib/skep`. */
  readonly dataRoot: string;
  /** Of one boot: bundles, exit files, sockets. Such as `/run/skep`. */
  readonly runRoot: string;
  /** Cgroup below which containers get theirs; `/skep` when absent. */
  readonly cgroupParent?: string;
  /** Null or absent: only the modes `none`, `host` and `container:` work. */
  readonly networks?: NetworkProvider | null;
  readonly registries?: RegistryConfig;
  readonly log?: Logger;
  /** `crun` when it is there and works on this host, else `runc`. */
  readonly defaultRuntime?: string;
  /** New containers get a user namespace with this map; absent: they share the host's. */
  readonly idMap?: IdMap;
  /** Bound of the build cache; 10 GiB when absent. */
  readonly buildCacheBytesMax?: number;
  /** When a filling disk costs unused images; 90 and 80 percent when absent. */
  readonly imageWatermarks?: Partial<Watermarks>;
  /** How full the disk is, in percent, for tests. */
  readonly measureDisk?: () => Promise<number>;
}

/** The container engine of one host. See {@link EngineApi} for what it does, and `open` for how to get one. */
export class Engine implements EngineApi {
  readonly images: ImageApi;
  readonly builds: ImageBuilds;
  readonly containers: ContainerApi;
  readonly execs: ExecApi;
  readonly volumes: LocalVolumes;
  readonly events: EventApi;
  readonly #context: EngineContext;
  readonly #lifecycle: ContainerLifecycle;
  readonly #health: HealthMonitor;
  readonly #registries: RegistryConfig;
  readonly #engineId: string;
  readonly #upkeep: NodeJS.Timeout;
  readonly #collector: ImageCollector;
  readonly #collection: NodeJS.Timeout;

  private constructor(context: EngineContext, options: EngineOptions, engineId: string) {
    const registries = options.registries ?? {};
    this.#context = context;
    this.#registries = registries;
    this.#engineId = engineId;
    this.#lifecycle = new ContainerLifecycle(context);
    const execs = new ExecManager(context);
    const containers = new ContainerManager(context, this.#lifecycle, (id) => execs.idsOf(id));
    this.#health = new HealthMonitor({
      execs,
      log: context.log,
      onChange: (entry, status) => {
        publishContainerEvent(context, entry, `health_status: ${status}`);
      },
    });
    this.#lifecycle.listen({
      created: () => undefined,
      started: (entry) => {
        this.#health.start(entry);
      },
      ended: (entry) => {
        this.#health.stop(entry.record.id);
        execs.containerEnded(entry.record.id);
      },
    });
    this.images = new ImageManager(context, registries, {
      pause: (id) => containers.pause(id),
      unpause: (id) => containers.unpause(id),
    });
    const { builds: root, buildRuns: runRoot } = context.paths;
    this.builds = new ImageBuilds({
      context,
      images: this.images,
      storage: new BuilderStorage({ root, runRoot }, findProgram('buildah')),
      cacheBytesMax: options.buildCacheBytesMax ?? BUILD_CACHE_BYTES_DEFAULT,
    });
    this.containers = containers;
    this.execs = execs;
    this.volumes = context.volumes;
    this.events = context.events;
    this.#upkeep = setInterval(() => {
      void this.#keepUp();
    }, UPKEEP_INTERVAL_MS);
    this.#upkeep.unref();
    const watermarks = { ...WATERMARKS_DEFAULT, ...options.imageWatermarks };
    this.#collector = new ImageCollector(context, watermarks, options.measureDisk);
    this.#collection = setInterval(() => {
      this.collectImages().catch((err: unknown) => {
        context.log.error({ err }, 'collecting images failed');
      });
    }, COLLECTION_INTERVAL_MS);
    this.#collection.unref();
  }

  /**
   * Opens the engine of one data root and run root: takes over what runs, records what ended meanwhile, removes what
   * belongs to nobody, honours restart policies. One engine at a time may be open on a root.
   */
  static async open(options: EngineOptions): Promise<Engine> {
    const log = options.log ?? pino({ level: 'silent' });
    const paths = new EnginePaths(options.dataRoot, options.runRoot);
    for (const directory of [paths.dataRoot, paths.containers]) {
      mkdirSync(directory, { recursive: true, mode: 0o710 });
    }
    mkdirSync(paths.runRoot, { recursive: true, mode: 0o700 });
    const runtimes = findRuntimes(paths);
    ensureRunDirectories({ paths, runtimes });
    ensureInitLayer(paths.initLayer);
    mountSecretsRoot(paths.secrets);
    await emptyScratch(paths.scratch);
    const db = StateDb.open(paths.database);
    const events = new EventBus(log);
    const pool = new ArchivePool();
    const containers = new ContainerStore(db);
    const userNamespaces = await UserNamespaces.open({
      remapping: options.idMap,
      inUse: containers.list().flatMap(({ record: { idMap } }) => (idMap === undefined ? [] : [idMap])),
      roots: [options.dataRoot, options.runRoot],
      closed: [paths.dataRoot, paths.containers, paths.runRoot, paths.bundles, paths.secrets],
      probe: { source: paths.initLayer, target: join(paths.mapped, 'probe') },
    });
    const volumes = await LocalVolumes.open({
      root: `${options.dataRoot}/volumes`,
      db,
      events,
      usersOf: (name) => volumeUsers(containers, name),
    });
    const context: EngineContext = {
      log,
      paths,
      db,
      events,
      pool,
      containers,
      volumes,
      runtimes,
      images: await ImageStore.open(paths.images, pool),
      exits: new ExitWatcher(paths.exits, (id) => {
        void engine.#noticeExit(id);
      }),
      networks: options.networks ?? null,
      userNamespaces,
      cgroups: observeCgroups(),
      cgroupParent: options.cgroupParent ?? '/skep',
      conmonPath: requireProgram('conmon'),
      defaultRuntime: chooseRuntime({ paths, runtimes, wanted: options.defaultRuntime, log }),
      availableCapabilities: ownCapabilities(),
      architecture: platformFromNodeArch(process.arch).architecture,
      seccompIsAvailable: existsSync('/proc/sys/kernel/seccomp/actions_avail'),
      seccomp: new SeccompCompiler(paths.scratch),
    };
    const engine = new Engine(context, options, await ensureEngineId(db));
    engine.builds.clean();
    await recover(context, engine.#lifecycle);
    context.exits.start();
    engine.#warmUp();
    return engine;
  }

  /** Removes images nobody needs when the disk is too full; it is looked at every minute. Answers their ids. */
  collectImages(): Promise<readonly string[]> {
    return this.#collector.run();
  }

  async info(): Promise<EngineInfo> {
    const statuses = this.#context.containers.list().map((entry) => entry.record.state.status);
    const count = (...wanted: string[]): number =>
      statuses.filter((status) => wanted.includes(status)).length;
    const versions = [...this.#context.runtimes.values()].map(
      (runtime) => [runtime.name, { path: runtime.path, version: versionOf(runtime.path) }] as const,
    );
    return Promise.resolve({
      engineId: this.#engineId,
      dataRoot: this.#context.paths.dataRoot,
      storageDriver: 'overlay2',
      cgroupVersion: this.#context.cgroups.version,
      cgroupDriver: 'cgroupfs',
      runtimes: Object.fromEntries(versions),
      defaultRuntime: this.#context.defaultRuntime,
      conmonVersion: versionOf(this.#context.conmonPath),
      containers: statuses.length,
      containersRunning: count('running', 'restarting'),
      containersPaused: count('paused'),
      containersStopped: count('created', 'exited', 'dead', 'removing'),
      images: this.#context.images.list().length,
      kernelVersion: release(),
      operatingSystem: operatingSystem(),
      architecture: this.#context.architecture,
      cpus: cpus().length,
      memoryBytes: totalmem(),
      insecureRegistries: ['127.0.0.0/8', ...(this.#registries.insecureRegistries ?? [])],
      registryMirrors: this.#registries.mirrors?.[DEFAULT_DOMAIN] ?? [],
      seccompIsAvailable: this.#context.seccompIsAvailable,
      usersAreRemapped: this.#context.userNamespaces.remapping !== undefined,
    });
  }

  async diskUsage(): Promise<DiskUsage> {
    const { images, containers, paths, volumes } = this.#context;
    const layers = images.layers.list();
    const users = new Map<string, number>();
    for (const image of images.list()) {
      for (const layer of images.layers.chain(image.config.diffIds) ?? []) {
        users.set(layer.chainId, (users.get(layer.chainId) ?? 0) + 1);
      }
    }
    const imageUsage = images.list().map((image) => {
      const chain = images.layers.chain(image.config.diffIds) ?? [];
      const sum = (some: typeof chain): number => some.reduce((total, layer) => total + layer.sizeBytes, 0);
      const shared = chain.filter((layer) => (users.get(layer.chainId) ?? 0) > 1);
      return { id: image.id, bytes: sum(chain), sharedBytes: sum(shared) };
    });
    const containerUsage = containers.list().map(async ({ record }) => ({
      id: record.id,
      writableBytes: await directoryBytes(paths.container(record.id).upper),
    }));
    const volumeUsage = (await volumes.list()).map(async ({ name }) => ({
      name,
      bytes: await volumes.sizeBytes(name),
    }));
    return {
      layersBytes: layers.reduce((total, layer) => total + layer.sizeBytes, 0),
      images: imageUsage,
      containers: await Promise.all(containerUsage),
      volumes: await Promise.all(volumeUsage),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#upkeep);
    clearInterval(this.#collection);
    this.#context.exits.stop();
    this.#health.close();
    this.#lifecycle.close();
    await this.builds.close();
    await this.#context.images.close();
    this.#context.db.close();
    this.#context.userNamespaces.close();
    this.#removeEmptyCgroups();
    if ((await readdir(this.#context.paths.secrets)).length === 0) {
      unmountSecretsRoot(this.#context.paths.secrets);
    }
  }

  /** The parent of containers' cgroups goes when there is none left in it. */
  #removeEmptyCgroups(): void {
    for (const directory of cgroupDirectories(this.#context.cgroups, this.#context.cgroupParent)) {
      try {
        rmdirSync(directory);
      } catch (err: unknown) {
        this.#context.log.debug({ err, directory }, 'a cgroup stays');
      }
    }
  }

  /** Compiles the filter that most containers get, so that the first one does not wait for it. */
  #warmUp(): void {
    const { seccomp, seccompIsAvailable, architecture, availableCapabilities } = this.#context;
    const chosen = chooseCapabilities({
      add: [],
      drop: [],
      isPrivileged: false,
      available: availableCapabilities,
    });
    if (seccompIsAvailable && chosen.ok) {
      seccomp.compile(defaultSeccomp(architecture, chosen.value));
    }
  }

  async #noticeExit(containerId: string): Promise<void> {
    try {
      await this.#lifecycle.noticeExit(containerId);
    } catch (err: unknown) {
      this.#context.log.error({ err, containerId }, 'dealing with an exit failed');
    }
  }

  /** Rotates logs that have grown too long and finds containers whose conmon was killed. */
  async #keepUp(): Promise<void> {
    for (const entry of this.#context.containers.list()) {
      const { record } = entry;
      if (!isAlive(record.state.status)) {
        continue;
      }
      try {
        const isThere = (await processStartTicks(record.state.pid)) === record.state.pidStartTicks;
        if (!isThere && !existsSync(`${this.#context.paths.exits}/${record.id}`)) {
          await this.#checkLost(record.id);
        }
        await this.#rotate(record.id, record.config.logging?.options ?? {});
      } catch (err: unknown) {
        this.#context.log.warn({ err, containerId: record.id }, 'upkeep of a container failed');
      }
    }
  }

  /** The process is gone: conmon gets some time to write the exit down, if it lives. */
  async #checkLost(containerId: string): Promise<void> {
    const entry = this.#context.containers.find(containerId);
    const { bundle } = this.#context.paths.container(containerId);
    const conmonPid = existsSync(`${bundle}/conmon.pid`)
      ? Number.parseInt(readFileSync(`${bundle}/conmon.pid`, 'utf8'), 10)
      : 0;
    const conmonIsThere = conmonPid > 0 && (await processStartTicks(conmonPid)) !== undefined;
    if (entry !== undefined && !conmonIsThere) {
      await this.#lifecycle.declareLost(entry);
    }
  }

  async #rotate(containerId: string, options: Readonly<Record<string, string>>): Promise<void> {
    const size = options['max-size'] === undefined ? undefined : parseBytes(options['max-size']);
    if (size?.ok !== true || size.value <= 0) {
      return;
    }
    const filesMax = Number(options['max-file'] ?? LOG_FILES_DEFAULT);
    const { log, bundle } = this.#context.paths.container(containerId);
    await rotateLog(
      { path: log, controlPath: `${bundle}/ctl` },
      {
        bytesMax: size.value,
        filesMax: Number.isInteger(filesMax) && filesMax > 0 ? filesMax : LOG_FILES_DEFAULT,
      },
    );
  }
}

function volumeUsers(containers: ContainerStore, name: string): readonly string[] {
  return containers
    .list()
    .filter(({ record }) => record.mounts.some((mount) => mount.type === 'volume' && mount.name === name))
    .map(({ record }) => record.id);
}

function findProgram(name: string): string | undefined {
  return RUNTIME_DIRECTORIES.map((directory) => `${directory}/${name}`).find((path) => existsSync(path));
}

function requireProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) {
    throw new SwarmError('failed_precondition', `${name} is not installed on this host: apt install ${name}`);
  }
  return path;
}

function findRuntimes(paths: EnginePaths): ReadonlyMap<string, OciRuntime> {
  const found = ['crun', 'runc'].flatMap((name) => {
    const path = findProgram(name);
    return path === undefined ? [] : [[name, { name, path, stateRoot: paths.runtimeState(name) }] as const];
  });
  if (found.length === 0) {
    throw new SwarmError('failed_precondition', 'no OCI runtime is installed on this host: apt install crun');
  }
  return new Map(found);
}

function chooseRuntime(choice: {
  readonly paths: EnginePaths;
  readonly runtimes: ReadonlyMap<string, OciRuntime>;
  readonly wanted: string | undefined;
  readonly log: Logger;
}): string {
  const { paths, runtimes, wanted, log } = choice;
  if (wanted !== undefined && !runtimes.has(wanted)) {
    throw new SwarmError('failed_precondition', `the OCI runtime ${wanted} is not installed on this host`);
  }
  const crunWorks = runtimes.has('crun') && makeCrunUsable(paths.runRoot);
  if (wanted !== undefined) {
    return wanted;
  }
  if (!crunWorks && runtimes.has('runc')) {
    log.warn({ runtime: 'runc' }, 'crun cannot work with the cgroups of this host, so runc is used');
    return 'runc';
  }
  return 'crun';
}

function ownCapabilities(): readonly string[] {
  const mask = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return capabilitiesOfMask(mask);
}

async function ensureEngineId(db: StateDb): Promise<string> {
  const known = db.load('meta').get('engine-id');
  if (typeof known === 'string') {
    return known;
  }
  const engineId = newObjectId(randomBytes);
  await db.put('meta', 'engine-id', engineId);
  return engineId;
}

const versions = new Map<string, string>();

/** The first line of `<program> --version`, asked once. */
function versionOf(path: string): string {
  const known = versions.get(path);
  if (known !== undefined) {
    return known;
  }
  const line = execFileSync(path, ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? '';
  const version = /(\d+\.\S+)/.exec(line)?.[1] ?? line;
  versions.set(path, version);
  return version;
}

function operatingSystem(): string {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return /^PRETTY_NAME="?(.+?)"?$/m.exec(text)?.[1] ?? 'Linux';
}
