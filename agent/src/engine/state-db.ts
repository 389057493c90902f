import { DatabaseSync } from 'node:sqlite';
import { SwarmError } from '@skep/kernel';
import { DiskReserve } from './disk-reserve.ts';

const SCHEMA_VERSION = 1;
/** After so many pages the log is written from its beginning again. */
const CHECKPOINT_PAGES = 256;
/** Room in the log that is taken from the disk at open, while there is some. */
const LOG_RESERVE_BYTES = 2 * 1024 * 1024;
const SQLITE_FULL = 13;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS objects (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (kind, id)
  ) WITHOUT ROWID;
`;

export type ObjectKind = 'container' | 'volume' | 'meta';

interface PendingWrite {
  readonly kind: ObjectKind;
  readonly id: string;
  /** Null removes. */
  readonly record: string | null;
  readonly settle: { resolve: () => void; reject: (error: unknown) => void };
}

/**
 * The engine's records on disk: one row of JSON per object. Writes that arrive in the same turn of the event loop share
 * one transaction and one fsync; a write's promise settles when it is on the disk.
 */
export class StateDb {
  readonly #db: DatabaseSync;
  readonly #reserve: DiskReserve;
  #pending: PendingWrite[] = [];
  #isScheduled = false;

  private constructor(db: DatabaseSync, reserve: DiskReserve) {
    this.#db = db;
    this.#reserve = reserve;
  }

  /** Opens or makes the database file. Refuses files of a newer version. */
  static open(path: string): StateDb {
    const reserve = new DiskReserve(`${path}.reserve`);
    let db: StateDb;
    try {
      db = StateDb.#openFile(path, reserve);
    } catch (error: unknown) {
      if (!isDiskFull(error)) {
        throw error;
      }
      // A full disk must not keep the engine from coming up: only it can remove what fills the disk.
      reserve.release();
      db = StateDb.#openFile(path, reserve);
    }
    reserve.take();
    return db;
  }

  static #openFile(path: string, reserve: DiskReserve): StateDb {
    const db = new DatabaseSync(path);
    try {
      return StateDb.#prepare(db, path, reserve);
    } catch (error: unknown) {
      db.close();
      throw error;
    }
  }

  static #prepare(db: DatabaseSync, path: string, reserve: DiskReserve): StateDb {
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    db.exec(`PRAGMA wal_autocheckpoint = ${String(CHECKPOINT_PAGES)}`);
    const row = db.prepare('PRAGMA user_version').get() as { user_version: number };
    if (row.user_version > SCHEMA_VERSION) {
      throw new SwarmError('failed_precondition', `${path} was written by a newer version of the engine`);
    }
    db.exec(SCHEMA);
    db.exec(`PRAGMA user_version = ${String(SCHEMA_VERSION)}`);
    reserveLog(db);
    return new StateDb(db, reserve);
  }

  /** All records of a kind, by id. */
  load(kind: ObjectKind): ReadonlyMap<string, unknown> {
    const rows = this.#db.prepare('SELECT id, record FROM objects WHERE kind = ? ORDER BY id').all(kind);
    return new Map(rows.map((row) => [String(row['id']), JSON.parse(String(row['record'])) as unknown]));
  }

  /** Writes a record; the answer settles when it lasts. */
  put(kind: ObjectKind, id: string, record: unknown): Promise<void> {
    return this.#enqueue(kind, id, JSON.stringify(record));
  }

  /** Removes a record; the answer settles when that lasts. */
  remove(kind: ObjectKind, id: string): Promise<void> {
    return this.#enqueue(kind, id, null);
  }

  close(): void {
    this.#flush();
    this.#db.close();
    // SQLite has just given back the space of its log.
    this.#reserve.take();
  }

  #enqueue(kind: ObjectKind, id: string, record: string | null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ kind, id, record, settle: { resolve, reject } });
      if (!this.#isScheduled) {
        this.#isScheduled = true;
        setImmediate(() => {
          this.#flush();
        });
      }
    });
  }

  #flush(): void {
    this.#isScheduled = false;
    const writes = this.#pending;
    this.#pending = [];
    if (writes.length === 0) {
      return;
    }
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      const put = this.#db.prepare('INSERT OR REPLACE INTO objects (kind, id, record) VALUES (?, ?, ?)');
      const remove = this.#db.prepare('DELETE FROM objects WHERE kind = ? AND id = ?');
      for (const { kind, id, record } of writes) {
        if (record === null) {
          remove.run(kind, id);
        } else {
          put.run(kind, id, record);
        }
      }
      this.#db.exec('COMMIT');
    } catch (cause) {
      this.#rollback();
      const error = new SwarmError('resource_exhausted', 'the engine cannot write its state to the disk', {
        cause,
      });
      for (const { settle } of writes) {
        settle.reject(error);
      }
      return;
    }
    for (const { settle } of writes) {
      settle.resolve();
    }
  }

  #rollback(): void {
    if (this.#db.isTransaction) {
      this.#db.exec('ROLLBACK');
    }
  }
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_FULL;
}

/**
 * Makes SQLite's log and file larger than they need be: later writes overwrite that room, so that the end or removal of
 * a container can be written down although the disk has filled up meanwhile. SQLite keeps both at their size.
 */
function reserveLog(db: DatabaseSync): void {
  try {
    db.prepare("INSERT OR REPLACE INTO objects (kind, id, record) VALUES ('reserve', '', ?)").run(
      ' '.repeat(LOG_RESERVE_BYTES),
    );
    db.exec("DELETE FROM objects WHERE kind = 'reserve'");
    db.exec('PRAGMA wal_checkpoint(RESTART)');
  } catch (error: unknown) {
    if (!isDiskFull(error)) {
      throw error;
    }
  }
}
