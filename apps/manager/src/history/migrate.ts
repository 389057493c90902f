import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Client } from 'pg';

import { SwarmError, errorMessage } from '@skep/kernel';

/** Key of the advisory lock that keeps two managers from migrating one database at a time; Prisma Migrate uses the same. */
const LOCK_KEY = 72_707_369;

export interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/** The folder `prisma/migrations`, beside the sources or the bundle. @throws SwarmError `not_found`. */
export function findMigrationsDir(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'prisma', 'migrations');
    if (existsSync(join(candidate, 'migration_lock.toml'))) {
      return candidate;
    }
    if (folder === dirname(folder)) {
      throw new SwarmError('not_found', `no prisma/migrations above ${from}; the installation is not whole`);
    }
  }
}

/** Migrations in the order of their names: `<timestamp>_<name>/migration.sql`, Prisma's layout. */
export function readMigrations(folder: string): Migration[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => {
      const sql = readFileSync(join(folder, name, 'migration.sql'), 'utf8');
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    });
}

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`;

interface AppliedRow {
  readonly migration_name: string;
  readonly checksum: string;
}

/**
 * Brings a database up to date: each missing migration runs in one transaction together with its row in
 * `_prisma_migrations`, so that it is there wholly or not at all. Answers the names of those that ran now.
 * @throws SwarmError `failed_precondition` when an applied migration differs from its file, or the database is newer
 *   than this build.
 */
export async function migrate(client: Client, migrations: readonly Migration[]): Promise<string[]> {
  await client.query('SELECT pg_advisory_lock($1)', [LOCK_KEY]);
  try {
    await client.query(CREATE_TABLE);
    const { rows } = await client.query<AppliedRow>(
      'SELECT migration_name, checksum FROM "_prisma_migrations" WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
    );
    assertSameHistory(rows, migrations);
    const applied = new Set(rows.map((row) => row.migration_name));
    const missing = migrations.filter(({ name }) => !applied.has(name));
    for (const migration of missing) {
      await run(client, migration);
    }
    return missing.map(({ name }) => name);
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [LOCK_KEY]);
  }
}

function assertSameHistory(rows: readonly AppliedRow[], migrations: readonly Migration[]): void {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const row of rows) {
    const migration = known.get(row.migration_name);
    if (migration === undefined) {
      throw new SwarmError(
        'failed_precondition',
        `the history database has the migration ${row.migration_name}, which this build does not know: it belongs to a newer Skep`,
      );
    }
    if (migration.sha256 !== row.checksum) {
      throw new SwarmError(
        'failed_precondition',
        `the migration ${row.migration_name} was changed after it was applied to this database`,
      );
    }
  }
}

async function run(client: Client, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(migration.sql);
    await client.query(
      'INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at, finished_at, applied_steps_count) VALUES ($1, $2, $3, now(), now(), 1)',
      [randomUUID(), migration.sha256, migration.name],
    );
    await client.query('COMMIT');
  } catch (error: unknown) {
    await client.query('ROLLBACK');
    throw new SwarmError('internal', `migration ${migration.name} failed: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}
