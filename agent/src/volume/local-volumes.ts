import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError, newHexId } from '@skep/kernel';
import type { EventApi } from '../engine/engine-api.ts';
import { KeyedMutex } from '../engine/keyed-mutex.ts';
import type { StateDb } from '../engine/state-db.ts';
import {
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  mount,
  unmount,
} from '../engine/runtime/system-calls.ts';
import type { VolumeApi, VolumeDetails, VolumeSpec } from './volume-api.ts';

const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const OPTION_NAMES: readonly string[] = ['type', 'device', 'o'];

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
    checkSpec(name, spec);
    return this.#mutex.run(name, async () => {
      const existing = this.#records.get(name);
      if (existing !== undefined) {
        if (spec.options !== undefined && JSON.stringify(spec.options) !== JSON.stringify(existing.options)) {
          throw new SwarmError('already_exists', `volume ${name} already exists with other options`);
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

  /** Makes a volume's directory ready for a container: mounts what its options say. */
  async acquire(name: string, containerId: string): Promise<string> {
    return this.#mutex.run(name, () => {
      const record = this.#get(name);
      const path = this.mountpoint(name);
      if (isMountNeeded(record)) {
        const holders = this.#mountedBy.get(name) ?? new Set();
        if (holders.size === 0 && !isMountPoint(path)) {
          mount(mountRequest(record, path));
        }
        this.#mountedBy.set(name, holders.add(containerId));
        this.#publish('mount', name, { container: containerId });
      }
      return Promise.resolve(path);
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

  /** Takes over what a running container holds. */
  adopt(name: string, containerId: string): void {
    const record = this.#records.get(name);
    if (record !== undefined && isMountNeeded(record)) {
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

function checkSpec(name: string, spec: VolumeSpec): void {
  if (spec.driver !== undefined && spec.driver !== '' && spec.driver !== 'local') {
    throw new SwarmError(
      'not_found',
      `error looking up volume plugin ${spec.driver}: plugin "${spec.driver}" not found`,
    );
  }
  if (!NAME_PATTERN.test(name) || name.length > 255) {
    throw new SwarmError(
      'invalid_argument',
      `"${name.slice(0, 80)}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are ` +
        'allowed. If you intended to pass a host directory, use absolute path',
    );
  }
  for (const key of Object.keys(spec.options ?? {})) {
    if (!OPTION_NAMES.includes(key)) {
      throw new SwarmError(
        'invalid_argument',
        `create ${name}: invalid option: ${JSON.stringify(key.slice(0, 60))}`,
      );
    }
  }
  if (spec.options?.['type'] !== undefined && spec.options['device'] === undefined) {
    throw new SwarmError('invalid_argument', `create ${name}: missing required option: "device"`);
  }
}

function isMountNeeded(record: VolumeRecord): boolean {
  return record.options['device'] !== undefined;
}

const MOUNT_FLAGS: Readonly<Record<string, number>> = {
  bind: MS_BIND,
  ro: MS_RDONLY,
  nosuid: MS_NOSUID,
  nodev: MS_NODEV,
  noexec: MS_NOEXEC,
  rw: 0,
  rbind: MS_BIND | 16384,
  defaults: 0,
};

function mountRequest(record: VolumeRecord, target: string): Parameters<typeof mount>[0] {
  const { type = 'none', device = '', o = '' } = record.options;
  let flags = 0;
  const data: string[] = [];
  for (const option of o.split(',').filter((text) => text !== '')) {
    const flag = Object.hasOwn(MOUNT_FLAGS, option) ? MOUNT_FLAGS[option] : undefined;
    if (flag === undefined) {
      data.push(option);
    } else {
      flags |= flag;
    }
  }
  return { source: device, target, type: type === '' ? 'none' : type, flags, data: data.join(',') };
}

function isMountPoint(path: string): boolean {
  return existsSync(path) && statSync(path).dev !== statSync(join(path, '..')).dev;
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
