import { SwarmError } from '@skep/kernel';
import type { ContainerEntry, ContainerRecord, RunState } from './container-record.ts';
import type { StateDb } from './state-db.ts';

/** All containers of the engine, in memory and on disk. The name is taken at once; the disk follows. */
export class ContainerStore {
  readonly #db: StateDb;
  readonly #entries = new Map<string, ContainerEntry>();
  readonly #idsByName = new Map<string, string>();

  constructor(db: StateDb) {
    this.#db = db;
    for (const [id, record] of db.load('container')) {
      const entry = { record: record as ContainerRecord, health: null };
      this.#entries.set(id, entry);
      this.#idsByName.set(entry.record.name, id);
    }
  }

  list(): readonly ContainerEntry[] {
    return [...this.#entries.values()];
  }

  find(id: string): ContainerEntry | undefined {
    return this.#entries.get(id);
  }

  /** Finds by id, name (a leading slash is ignored) or unambiguous prefix of an id. Errors in Docker's words. */
  resolve(ref: string): ContainerEntry {
    const entry = this.lookUp(ref);
    if (entry === undefined) {
      throw new SwarmError('not_found', `No such container: ${ref}`);
    }
    return entry;
  }

  /** As {@link resolve}; undefined when there is none. */
  lookUp(ref: string): ContainerEntry | undefined {
    const name = ref.replace(/^\//, '');
    const exact = this.#entries.get(ref) ?? this.#entries.get(this.#idsByName.get(name) ?? '');
    if (exact !== undefined) {
      return exact;
    }
    const found = /^[0-9a-f]{1,64}$/.test(ref)
      ? [...this.#entries.keys()].filter((id) => id.startsWith(ref))
      : [];
    if (found.length > 1) {
      throw new SwarmError('invalid_argument', `multiple IDs found with provided prefix: ${ref}`);
    }
    return this.#entries.get(found[0] ?? '');
  }

  /** Adds a container; `name_conflict` in Docker's words when the name is taken. */
  async add(record: ContainerRecord): Promise<ContainerEntry> {
    this.#checkName(record.name);
    const entry = { record, health: null };
    this.#entries.set(record.id, entry);
    this.#idsByName.set(record.name, record.id);
    try {
      await this.#db.put('container', record.id, record);
    } catch (error: unknown) {
      this.#forget(entry);
      throw error;
    }
    return entry;
  }

  isNameTaken(name: string): boolean {
    return this.#idsByName.has(name);
  }

  async rename(entry: ContainerEntry, name: string): Promise<void> {
    this.#checkName(name);
    this.#idsByName.delete(entry.record.name);
    this.#idsByName.set(name, entry.record.id);
    await this.update(entry, { name });
  }

  /** Changes fields of a record; the answer settles when that lasts. */
  async update(entry: ContainerEntry, change: Partial<ContainerRecord>): Promise<void> {
    entry.record = { ...entry.record, ...change };
    if (this.#entries.has(entry.record.id)) {
      await this.#db.put('container', entry.record.id, entry.record);
    }
  }

  /** Changes fields of the running state. */
  async updateState(entry: ContainerEntry, change: Partial<RunState>): Promise<void> {
    await this.update(entry, { state: { ...entry.record.state, ...change } });
  }

  async remove(entry: ContainerEntry): Promise<void> {
    this.#forget(entry);
    await this.#db.remove('container', entry.record.id);
  }

  #forget(entry: ContainerEntry): void {
    this.#entries.delete(entry.record.id);
    if (this.#idsByName.get(entry.record.name) === entry.record.id) {
      this.#idsByName.delete(entry.record.name);
    }
  }

  #checkName(name: string): void {
    const holder = this.#idsByName.get(name);
    if (holder !== undefined) {
      throw new SwarmError(
        'name_conflict',
        `Conflict. The container name "/${name}" is already in use by container "${holder}". ` +
          'You have to remove (or rename) that container to be able to reuse that name.',
      );
    }
  }
}
