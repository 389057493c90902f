import { TOPICS, topicsFor } from './protocol.ts';
import type { DeltaFrame, Op, Row, SnapFrame, Topic, WelcomeFrame } from './protocol.ts';

/** What `ingest` found. `resync`: the frame does not follow from what is here; ask for a resume. */
export type Ingest = 'applied' | 'resync';

export interface Resume {
  readonly epoch: string;
  readonly rev: number;
}

/** One secondary index: rows of `topic` grouped by the text in `column`. */
export interface IndexDefinition {
  readonly name: string;
  readonly topic: Topic;
  readonly column: string;
}

export interface StoreOptions {
  readonly indexes: readonly IndexDefinition[];
  /** Calls back once at the next moment to paint; the store commits then. */
  readonly schedule: (commit: () => void) => void;
}

const NO_IDS: readonly string[] = [];

function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) {
    return true;
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return false;
  }
  return JSON.stringify(a) === JSON.stringify(b);
}

function sameRow(a: Row, b: Row): boolean {
  const keys = Object.keys(b);
  return Object.keys(a).length === keys.length && keys.every((key) => sameValue(a[key], b[key]));
}

/** A column that is null is one the object does not have. */
function withoutNulls(columns: Row): Row {
  return Object.fromEntries(
    Object.entries(columns).filter(([, value]) => value !== null && value !== undefined),
  );
}

/**
 * The cluster as this tab knows it: a map of rows per topic, kept in step with one manager's applied state.
 *
 * Frames change a staging copy at once and become visible together at the next commit, so that a component never
 * sees half a log entry and renders at most once per frame. Keys for `subscribe` are `topic`, `topic/id`,
 * `index:name/value` and `rev`.
 */
export class LiveStore {
  readonly #options: StoreOptions;
  readonly #rows = new Map<Topic, Map<string, Row>>(TOPICS.map((topic) => [topic, new Map()]));
  readonly #lists = new Map<Topic, readonly Row[]>();
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #indexRows = new Map<string, readonly Row[]>();
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #dirty = new Set<string>();
  #queue: Op[] = [];
  #snapshot = new Map<Topic, Map<string, Row>>();
  #awaited = new Set<Topic>();
  #epoch = '';
  #rev = -1;
  #committedRev = -1;
  #isLoaded = false;
  #isScheduled = false;

  constructor(options: StoreOptions) {
    this.#options = options;
    for (const index of options.indexes) {
      this.#indexes.set(index.name, new Map());
    }
  }

  /** Revision up to which frames were received; the point to resume from. */
  get resume(): Resume | undefined {
    return this.#rev >= 0 && this.#awaited.size === 0 ? { epoch: this.#epoch, rev: this.#rev } : undefined;
  }

  /** Revision that readers see. */
  get rev(): number {
    return this.#committedRev;
  }

  /** Whether a whole snapshot was ever committed. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /**
   * Begins a session. Without resumption a whole snapshot follows: what was received before is committed first,
   * because the snapshot is compared with the committed rows, and the rest of a broken-off snapshot is dropped.
   */
  welcome(frame: WelcomeFrame): void {
    if (this.#awaited.size > 0) {
      this.#queue = [];
      this.#rev = -1;
    } else if (!frame.resumed) {
      this.commit();
    }
    this.#snapshot = new Map();
    this.#awaited = new Set(frame.resumed ? [] : topicsFor(frame.perms));
    this.#epoch = frame.epoch;
    if (!frame.resumed && this.#awaited.size === 0) {
      this.#rev = frame.rev;
      this.#requestCommit();
    }
  }

  ingest(frame: SnapFrame | DeltaFrame): Ingest {
    return frame.t === 'snap' ? this.#ingestSnapshot(frame) : this.#ingestDelta(frame);
  }

  /** A mark moves the resume point; it never skips over a change, because deltas come first. */
  mark(rev: number): Ingest {
    if (this.#awaited.size > 0 || rev < this.#rev) {
      return 'resync';
    }
    this.#rev = rev;
    this.#requestCommit();
    return 'applied';
  }

  #ingestSnapshot(frame: SnapFrame): Ingest {
    if (!this.#awaited.has(frame.topic)) {
      return 'resync';
    }
    const rows = this.#snapshot.get(frame.topic) ?? new Map<string, Row>();
    this.#snapshot.set(frame.topic, rows);
    for (const values of frame.rows) {
      const row = withoutNulls(Object.fromEntries(frame.cols.map((column, at) => [column, values[at]])));
      rows.set(String(row['id']), row);
    }
    if (frame.last) {
      this.#awaited.delete(frame.topic);
      this.#queue.push(...this.#difference(frame.topic, rows));
      this.#snapshot.delete(frame.topic);
    }
    this.#rev = frame.rev;
    if (this.#awaited.size === 0) {
      this.#requestCommit();
    }
    return 'applied';
  }

  /** The ops that turn what is here into `wanted`: equal rows keep their identity, so nothing flashes or scrolls. */
  #difference(topic: Topic, wanted: ReadonlyMap<string, Row>): Op[] {
    const ops: Op[] = [];
    const found = this.#table(topic);
    for (const [id, row] of wanted) {
      const old = found.get(id);
      if (old === undefined || !sameRow(old, row)) {
        ops.push([topic, '+', id, row]);
      }
    }
    for (const id of found.keys()) {
      if (!wanted.has(id)) {
        ops.push([topic, '-', id]);
      }
    }
    return ops;
  }

  #ingestDelta(frame: DeltaFrame): Ingest {
    if (this.#awaited.size > 0 || frame.prev !== this.#rev) {
      return 'resync';
    }
    this.#queue.push(...frame.ops);
    this.#rev = frame.rev;
    this.#requestCommit();
    return 'applied';
  }

  #requestCommit(): void {
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      this.#options.schedule(() => {
        this.commit();
      });
    }
  }

  /** Makes everything received visible and wakes those it concerns. A half-received snapshot waits. */
  commit(): void {
    this.#isScheduled = false;
    if (this.#awaited.size > 0 || this.#rev < 0) {
      return;
    }
    const ops = this.#queue;
    this.#queue = [];
    for (const op of ops) {
      this.#apply(op);
    }
    if (this.#committedRev !== this.#rev || !this.#isLoaded) {
      this.#isLoaded = true;
      this.#committedRev = this.#rev;
      this.#dirty.add('rev');
    }
    const keys = [...this.#dirty];
    this.#dirty.clear();
    const awake = new Set<() => void>();
    for (const key of keys) {
      this.#lists.delete(key as Topic);
      this.#indexRows.delete(key);
      for (const listener of this.#listeners.get(key) ?? []) {
        awake.add(listener);
      }
    }
    for (const listener of awake) {
      listener();
    }
  }

  #apply(op: Op): void {
    const [topic, kind, id] = op;
    const table = this.#rows.get(topic);
    if (table === undefined) {
      return;
    }
    const old = table.get(id);
    if (kind === '-') {
      table.delete(id);
      this.#touch(topic, id, old, undefined);
      return;
    }
    const row = withoutNulls(kind === '+' ? { ...op[3], id } : { ...old, ...op[3], id });
    table.set(id, row);
    this.#touch(topic, id, old, row);
  }

  #touch(topic: Topic, id: string, old: Row | undefined, row: Row | undefined): void {
    this.#dirty.add(topic);
    this.#dirty.add(`${topic}/${id}`);
    for (const index of this.#options.indexes) {
      if (index.topic === topic) {
        this.#moveInIndex(index, id, old?.[index.column], row?.[index.column]);
      }
    }
  }

  #moveInIndex(index: IndexDefinition, id: string, from: unknown, to: unknown): void {
    const groups = this.#indexes.get(index.name);
    if (typeof from === 'string') {
      this.#dirty.add(`index:${index.name}/${from}`);
      const group = groups?.get(from);
      if (from !== to && group?.delete(id) === true && group.size === 0) {
        groups?.delete(from);
      }
    }
    if (typeof to === 'string') {
      this.#dirty.add(`index:${index.name}/${to}`);
      const group = groups?.get(to) ?? new Set<string>();
      group.add(id);
      groups?.set(to, group);
    }
  }

  #table(topic: Topic): ReadonlyMap<string, Row> {
    return this.#rows.get(topic) ?? new Map<string, Row>();
  }

  get(topic: Topic, id: string): Row | undefined {
    return this.#table(topic).get(id);
  }

  /** All rows of a topic; the same array until one of them changes. */
  list(topic: Topic): readonly Row[] {
    let list = this.#lists.get(topic);
    if (list === undefined) {
      list = [...this.#table(topic).values()];
      this.#lists.set(topic, list);
    }
    return list;
  }

  /** Rows of one index entry; the same array until one of them changes. */
  indexed(name: string, value: string): readonly Row[] {
    const key = `index:${name}/${value}`;
    let rows = this.#indexRows.get(key);
    if (rows === undefined) {
      const index = this.#options.indexes.find((definition) => definition.name === name);
      const table = index === undefined ? undefined : this.#table(index.topic);
      const ids = this.#indexes.get(name)?.get(value) ?? NO_IDS;
      rows = [...ids].map((id) => table?.get(id)).filter((row) => row !== undefined);
      this.#indexRows.set(key, rows);
    }
    return rows;
  }

  subscribe(key: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) {
        this.#listeners.delete(key);
      }
    };
  }
}
