import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError, newHexId } from '@skep/kernel';
import type { EventApi } from '../engine/engine-api.ts';
import { KeyedMutex } from '../engine/keyed-mutex.ts';
import type { StateDb } from '../engine/state-db.ts';
import { unmount } from '../engine/runtime/system-calls.ts';
import { isMountNeeded } from './mount-options.ts';
import type { VolumeApi, VolumeDetails, VolumeSpec } from './volume-api.ts';
import { isMountPoint, mountVolume } from './volume-mount.ts';
import { checkVolumeSpec, isSameVolume } from './volume-spec.ts';

interface VolumeRecord {
  readonly name: string;
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly isAnonymous: boolean;
}

export interface LocalVolumesOptions {
  /** Each volume is `<root>/<name>/_data`. */
  readonly root: string;
  readonly db: StateDb;
  readonly events: EventApi;
  /** Ids of the containers that have a volume, running or not. */
  readonly usersOf: (name: string) => readonly string[];
}

/** The `local` volume driver: directories under the data root, or what `type`, `device` and `o` say is mounted there. */
export class LocalVolumes implements VolumeApi {
  readonly #options: LocalVolumesOptions;
  readonly #records = new Map<string, VolumeRecord>();
  readonly #mutex = new KeyedMutex();
  /** Containers that run with a volume that must be mounted. */
  readonly #mountedBy = new Map<string, Set<string>>();

  private constructor(options: LocalVolumesOptions) {
    this.#options = options;
    for (const [name, record] of options.db.load('volume')) {
      this.#records.set(name, record as VolumeRecord);
    }
  }

  static async open(options: LocalVolumesOptions): Promise<LocalVolumes> {
    await mkdir(options.root, { recursive: true, mode: 0o711 });
    return new LocalVolumes(options);
  }

  async create(spec: VolumeSpec): Promise<VolumeDetails> {
    const isAnonymous = spec.name === undefined || spec.name === '';
    const name = isAnonymous ? newHexId(randomBytes) : (spec.name ?? '');
    checkVolumeSpec(name, spec);
    return this.#mutex.run(name, async () => {
      const existing = this.#records.get(name);
      if (existing !== undefined) {
        if (!isSameVolume(existing.options, spec.options)) {
          throw new SwarmError(
            'already_exists',
            `create ${name}: volume ${name} already exists with other options; remove it first or use another name`,
          );
        }
        return this.#details(existing);
      }
      const record: VolumeRecord = {
        name,
        createdAtMs: Date.now(),
        labels: spec.labels ?? {},
        options: spec.options ?? {},
        isAnonymous,
      };
      await mkdir(this.mountpoint(name), { recursive: true, mode: 0o755 });
      await this.#options.db.put('volume', name, record);
      this.#records.set(name, record);
      this.#publish('create', name);
      return this.#details(record);
    });
  }

  /** Directory of a volume on the host. */
  mountpoint(name: string): string {
    return join(this.#options.root, name, '_data');
  }

  has(name: string): boolean {
    return this.#records.has(name);
  }

  list(): Promise<readonly VolumeDetails[]> {
    return Promise.resolve([...this.#records.values()].map((record) => this.#details(record)));
  }

  async inspect(name: string): Promise<VolumeDetails> {
    return Promise.resolve(this.#details(this.#get(name)));
  }

  async remove(name: string, options: { readonly force?: boolean } = {}): Promise<void> {
    await this.#mutex.run(name, async () => {
      if (!this.#records.has(name) && options.force === true) {
        return;
      }
      this.#get(name);
      const users = this.#options.usersOf(name);
      if (users.length > 0) {
        throw new SwarmError(
          'failed_precondition',
          `remove ${name}: volume is in use - [${users.join(', ')}]`,
          {
            details: { dockerStatus: 409 },
          },
        );
      }
      unmount(this.mountpoint(name));
      await this.#options.db.remove('volume', name);
      this.#records.delete(name);
      await rm(join(this.#options.root, name), { recursive: true, force: true });
      this.#publish('destroy', name);
    });
  }

  async prune(
    options: { readonly all?: boolean; readonly isPrunable?: (volume: VolumeDetails) => boolean } = {},
  ): Promise<{ readonly names: readonly string[]; readonly reclaimedBytes: number }> {
    const names: string[] = [];
    let reclaimedBytes = 0;
    for (const record of [...this.#records.values()]) {
      const details = this.#details(record);
      const isUnused = details.usedBy.length === 0;
      const isKept = !record.isAnonymous && options.all !== true;
      if (!isUnused || isKept || options.isPrunable?.(details) === false) {
        continue;
      }
      reclaimedBytes += await this.sizeBytes(record.name);
      await this.remove(record.name);
      names.push(record.name);
    }
    this.#options.events.publish({
      kind: 'volume',
      action: 'prune',
      actorId: '',
      attributes: { reclaimed: String(reclaimedBytes) },
    });
    return { names, reclaimedBytes };
  }

  sizeBytes(name: string): Promise<number> {
    this.#get(name);
    return directoryBytes(this.mountpoint(name));
  }

  /**
   * Makes a volume's directory ready for a container: mounts what its options say, then lets `prepare` put something
   * into it while no other container gets it. Each call wants a {@link release}, even one that failed.
   */
  async acquire(
    name: string,
    containerId: string,
    prepare?: (directory: string) => Promise<void>,
  ): Promise<string> {
    return this.#mutex.run(name, async () => {
      const record = this.#get(name);
      const path = this.mountpoint(name);
      if (isMountNeeded(record.options)) {
        const holders = this.#mountedBy.get(name) ?? new Set();
        if (holders.size === 0 && !isMountPoint(path)) {
          await mountVolume(record.options, path);
        }
        this.#mountedBy.set(name, holders.add(containerId));
        this.#publish('mount', name, { container: containerId });
      }
      await prepare?.(path);
      return path;
    });
  }

  /** The reverse of {@link acquire}; the last user's release unmounts. Idempotent. */
  async release(name: string, containerId: string): Promise<void> {
    await this.#mutex.run(name, () => {
      const holders = this.#mountedBy.get(name);
      if (holders?.delete(containerId) === true && holders.size === 0) {
        this.#mountedBy.delete(name);
        unmount(this.mountpoint(name));
        this.#publish('unmount', name, { container: containerId });
      }
      return Promise.resolve();
    });
  }

  /** Unmounts what no container holds; called once when the engine has adopted the containers that run. */
  async unmountUnused(): Promise<void> {
    for (const { name, options } of [...this.#records.values()]) {
      if (isMountNeeded(options)) {
        await this.#mutex.run(name, () => {
          if (!this.#mountedBy.has(name)) {
            unmount(this.mountpoint(name));
          }
          return Promise.resolve();
        });
      }
    }
  }

  /** Takes over what a running container holds. */
  adopt(name: string, containerId: string): void {
    const record = this.#records.get(name);
    if (record !== undefined && isMountNeeded(record.options)) {
      this.#mountedBy.set(name, (this.#mountedBy.get(name) ?? new Set()).add(containerId));
    }
  }

  #get(name: string): VolumeRecord {
    const record = this.#records.get(name);
    if (record === undefined) {
      throw new SwarmError('not_found', `get ${name}: no such volume`);
    }
    return record;
  }

  #details(record: VolumeRecord): VolumeDetails {
    return {
      name: record.name,
      driver: 'local',
      mountpoint: this.mountpoint(record.name),
      createdAtMs: record.createdAtMs,
      labels: record.labels,
      options: record.options,
      isAnonymous: record.isAnonymous,
      usedBy: this.#options.usersOf(record.name),
    };
  }

  #publish(action: string, name: string, attributes: Readonly<Record<string, string>> = {}): void {
    this.#options.events.publish({
      kind: 'volume',
      action,
      actorId: name,
      attributes: { driver: 'local', ...attributes },
    });
  }
}

/** Bytes of all regular files below a directory; what vanishes meanwhile counts nothing. */
export async function directoryBytes(directory: string): Promise<number> {
  let total = 0;
  const pending = [directory];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) {
        pending.push(child);
      } else if (entry.isFile()) {
        total += await lstat(child).then(
          (stats) => stats.size,
          () => 0,
        );
      }
    }
  }
  return total;
}
