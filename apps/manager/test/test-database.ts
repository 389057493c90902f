import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { pino } from 'pino';

import { Database } from '../src/history/database.ts';

export const silent = pino({ level: 'silent' });

/** A folder for a database that an unprivileged user can reach. */
export class DatabasePlace {
  readonly dir = mkdtempSync(join(tmpdir(), 'skep-db-'));
  readonly #opened: Database[] = [];

  constructor() {
    chmodSync(this.dir, 0o755);
  }

  get dataDir(): string {
    return join(this.dir, 'data', 'postgres');
  }

  /** The embedded server of this folder; `nobody` runs it when the tests run as root. */
  embedded(): Database {
    return this.#track(
      new Database({
        mode: 'embedded',
        url: undefined,
        dataDir: this.dataDir,
        runDir: join(this.dir, 'run'),
        ...(process.getuid?.() === 0 ? { runAs: { uid: 65_534, gid: 65_534 } } : {}),
        logger: silent,
      }),
    );
  }

  /** Another client of the same server, as a manager with DATABASE_URL is. */
  external(name = 'postgres'): Database {
    const host = encodeURIComponent(join(this.dir, 'run'));
    const url = `postgresql://skep@/${name}?host=${host}`;
    return this.#track(new Database({ mode: 'external', url, dataDir: '', runDir: '', logger: silent }));
  }

  #track(database: Database): Database {
    this.#opened.push(database);
    return database;
  }

  async remove(): Promise<void> {
    for (const database of this.#opened.reverse()) {
      await database.stop();
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}
