import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { HistoryRecord } from '@skep/model';
import { Store, encodeEntry } from '@skep/store';

import { Database } from '../src/history/database.ts';
import { findMigrationsDir, migrate, readMigrations } from '../src/history/migrate.ts';
import { connect } from '../src/history/postgres-address.ts';
import { Projector } from '../src/history/projector.ts';
import { FakeCluster } from './fake-cluster.ts';
import { DatabasePlace, silent } from './test-database.ts';
import { TestEdge, until } from './test-edge.ts';

const place = new DatabasePlace();
/** A second server, for the tests that stop and kill it. */
const doomed = new DatabasePlace();
const ACTOR = { name: 'user:ada', from: '10.0.0.9', via: 'cli' } as const;
let database: Database;
let clusters = 0;

beforeAll(async () => {
  database = place.embedded();
  await database.start();
  expect(database.reason).toBeUndefined();
}, 60_000);

afterAll(async () => {
  await doomed.remove();
  await place.remove();
});

/** A log of history records, as the control plane keeps it. */
class History {
  readonly store = new Store();
  readonly clusterId = `cluster-${String((clusters += 1))}`;
  #index = 0;

  append(...records: HistoryRecord[]): void {
    this.#index += 1;
    const entry = {
      v: 1 as const,
      id: `e${String(this.#index)}`,
      atMs: this.#index,
      actions: [],
      history: records,
    };
    this.store.apply(encodeEntry(entry), this.#index);
  }

  audit(count: number): void {
    for (let index = 0; index < count; index += 1) {
      const target = { kind: 'service', name: `s${String(index)}` };
      this.append({
        type: 'audit',
        atMs: 1000 + index,
        actor: ACTOR,
        action: 'service.update',
        target,
        outcome: 'ok',
        requestId: 'r',
      });
    }
  }

  projector(into: Database = database): Projector {
    return new Projector({
      source: {
        historyAfter: (after, limit) => this.store.historyAfter(after, limit),
        watch: (o) => this.store.watch(o),
      },
      database: into,
      clusterId: () => this.clusterId,
      logger: silent,
    });
  }

  rows(): Promise<number[]> {
    return database.query(async (client) => {
      const found = await client.auditEntry.findMany({
        where: { clusterId: this.clusterId },
        orderBy: [{ logIndex: 'asc' }, { seq: 'asc' }],
      });
      return found.map((row) => Number(row.logIndex));
    });
  }
}

describe('migrations', () => {
  const here = dirname(fileURLToPath(import.meta.url));

  test('make the tables that the schema describes', async () => {
    const schema = readFileSync(join(findMigrationsDir(here), '..', 'schema.prisma'), 'utf8');
    const wanted = new Map<string, string[]>();
    for (const [, body = ''] of schema.matchAll(/^model \w+ \{\n([\s\S]*?)^\}/gm)) {
      const table = /@@map\("(\w+)"\)/.exec(body)?.[1] ?? '';
      const columns = body.split('\n').flatMap((line) => {
        const field = /^ {2}(\w+) +(\w+)(\?)?/.exec(line);
        if (field === null) {
          return [];
        }
        const name = /@map\("(\w+)"\)/.exec(line)?.[1] ?? field[1];
        const types: Record<string, string> = {
          String: 'text',
          Int: 'integer',
          BigInt: 'bigint',
          DateTime: 'timestamp with time zone',
          Json: 'jsonb',
        };
        return [`${name ?? ''} ${types[field[2] ?? ''] ?? 'unknown'}${field[3] === '?' ? ' null' : ''}`];
      });
      wanted.set(table, columns.sort());
    }
    const rows = await database.query(
      (client) =>
        client.$queryRaw<
          { table_name: string; column_name: string; data_type: string; is_nullable: string }[]
        >`
        SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name <> '_prisma_migrations'`,
    );
    const found = new Map<string, string[]>();
    for (const row of rows) {
      const column = `${row.column_name} ${row.data_type}${row.is_nullable === 'YES' ? ' null' : ''}`;
      found.set(row.table_name, [...(found.get(row.table_name) ?? []), column].sort());
    }
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
    expect(wanted.size).toBe(5);
  });

  test('run once, whoever else runs them at the same time, and refuse a file that was changed', async () => {
    const address = { host: join(place.dir, 'run'), user: 'skep', database: 'postgres' };
    const admin = await connect(address);
    await admin.query('CREATE DATABASE twice');
    const both = await Promise.all([
      connect({ ...address, database: 'twice' }),
      connect({ ...address, database: 'twice' }),
    ]);
    const migrations = readMigrations(findMigrationsDir(here));
    const [first = [], second = []] = await Promise.all(both.map((client) => migrate(client, migrations)));
    expect([...first, ...second]).toEqual(migrations.map(({ name }) => name));
    const changed = migrations.map((migration) => ({ ...migration, sha256: '0'.repeat(64) }));
    await expect(migrate(both[0], changed)).rejects.toThrow(/was changed after it was applied/);
    await expect(migrate(both[0], [])).rejects.toThrow(/newer Skep/);
    await Promise.all([...both, admin].map((client) => client.end()));
  });

  test('that fail leave nothing behind', async () => {
    const address = { host: join(place.dir, 'run'), user: 'skep', database: 'postgres' };
    const admin = await connect(address);
    await admin.query('CREATE DATABASE broken');
    const client = await connect({ ...address, database: 'broken' });
    const bad = { name: '2_bad', sql: 'CREATE TABLE half (x int); SELECT nonsense;', sha256: 'x' };
    await expect(migrate(client, [bad])).rejects.toThrow(/migration 2_bad failed/);
    const { rows } = await client.query("SELECT 1 FROM information_schema.tables WHERE table_name = 'half'");
    expect(rows).toEqual([]);
    await Promise.all([client, admin].map((one) => one.end()));
  });
});

describe('the projector', () => {
  test('writes every record exactly once, in any number of runs', async () => {
    const history = new History();
    history.audit(1203);
    const projector = history.projector();
    const counts: number[] = [];
    for (let count = await projector.projectBatch(); count > 0; count = await projector.projectBatch()) {
      counts.push(count);
    }
    expect(counts).toEqual([500, 500, 203]);
    expect(await history.projector().projectBatch()).toBe(0);
    expect(await history.rows()).toEqual(Array.from({ length: 1203 }, (_, index) => index + 1));
  });

  test('loses and doubles nothing when it is killed between any two statements', async () => {
    const history = new History();
    history.audit(40);
    // A projector whose process dies is a transaction that never commits: the server ends its connection.
    const victim = place.external();
    await victim.start();
    for (let round = 0; round < 6; round += 1) {
      history.audit(30);
      const work = history
        .projector(victim)
        .projectBatch()
        .catch(() => 0);
      await new Promise((resolve) => setTimeout(resolve, round * 2));
      await database.query(
        (client) => client.$executeRaw`
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE pid <> pg_backend_pid() AND query LIKE '%audit_entry%' AND query NOT LIKE '%pg_terminate%'`,
      );
      await work;
      await until('the victim is back', () => victim.reason === undefined);
    }
    const projector = history.projector();
    while ((await projector.projectBatch()) > 0) {
      // Until there is nothing left.
    }
    expect(await history.rows()).toEqual(Array.from({ length: 220 }, (_, index) => index + 1));
  });

  test('of several managers on one database do not disturb each other', async () => {
    const history = new History();
    history.audit(700);
    const other = place.external();
    await other.start();
    const run = async (projector: Projector): Promise<void> => {
      while ((await projector.projectBatch()) > 0) {
        // Until there is nothing left.
      }
    };
    await Promise.all([run(history.projector()), run(history.projector(other))]);
    expect(await history.rows()).toHaveLength(700);
  });

  test('keeps two clusters apart that had the same database', async () => {
    const [one, two] = [new History(), new History()];
    one.audit(3);
    two.audit(5);
    await one.projector().projectBatch();
    await two.projector().projectBatch();
    expect([(await one.rows()).length, (await two.rows()).length]).toEqual([3, 5]);
  });

  test('keeps the latest spec of a revision, and never an older one', async () => {
    const history = new History();
    const revision = (replicas: number): HistoryRecord => ({
      type: 'serviceRevision',
      atMs: 5,
      actor: ACTOR,
      serviceId: 'svc',
      revision: 7,
      spec: { name: 'web', task: { container: { image: 'a' } }, mode: { type: 'replicated', replicas } },
    });
    history.append(revision(1), revision(2));
    history.append(revision(3));
    await history.projector().projectBatch();
    const stored = await database.query((client) =>
      client.serviceRevision.findMany({ where: { clusterId: history.clusterId } }),
    );
    expect(stored).toMatchObject([{ revision: 7n, logIndex: 2n, spec: { mode: { replicas: 3 } } }]);
  });
});

describe('through the API', () => {
  test('audit and events are told by page, newest first, and filtered', async () => {
    const cluster = new FakeCluster();
    const edge = await TestEdge.start(cluster.first, { database });
    try {
      const client = edge.local();
      for (const name of ['a', 'b', 'c']) {
        await client.call('createService', {
          body: { name, task: { container: { image: 'x' } }, mode: { type: 'replicated', replicas: 1 } },
        });
      }
      await client.call('scaleService', { params: { service: 'b' }, body: { replicas: 4 } });
      await until('it is projected', () => edge.projector.projectedIndex === cluster.logIndex);
      const all = await client.call('listAudit', { query: {} });
      expect(all.source).toBe('database');
      expect(all.items.map(({ action, target }) => `${action} ${target.name ?? ''}`)).toEqual([
        'service.scale b',
        'service.create c',
        'service.create b',
        'service.create a',
      ]);
      expect(all.items[0]).toMatchObject({
        actor: { name: 'local:root@manager-1', via: 'cli' },
        detail: 'mode.replicas 1 -> 4',
        outcome: 'ok',
      });
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await client.call('listAudit', {
          query: { limit: 3, action: 'service.', ...(cursor === undefined ? {} : { cursor }) },
        });
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.next;
      } while (cursor !== undefined);
      expect(seen).toEqual(all.items.map(({ id }) => id));
      const events = await client.call('listEvents', { query: { target: 'b', action: 'service.updated' } });
      expect(events.items).toMatchObject([{ action: 'service.updated', target: { name: 'b' } }]);
      const { items } = await client.call('listServiceRevisions', { params: { service: 'b' } });
      expect(items.map(({ spec }) => spec.mode)).toMatchObject([{ replicas: 4 }]);
    } finally {
      await edge.stop();
    }
  });

  test('an outage of the database costs the history only, and is caught up with', async () => {
    const own = doomed.embedded();
    await own.start();
    const cluster = new FakeCluster();
    const edge = await TestEdge.start(cluster.first, { database: own });
    try {
      const client = edge.local();
      const create = (name: string): Promise<unknown> =>
        client.call('createConfig', { body: { name, data: 'eA==' } });
      await create('before');
      await until('it is projected', () => edge.projector.projectedIndex === cluster.logIndex);
      const pid = Number(readFileSync(join(doomed.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
      process.kill(pid, 'SIGKILL');
      await until('the loss is noticed', () => own.reason !== undefined);
      await create('during');
      const refused: unknown = await client.call('listAudit', { query: {} }).catch((error: unknown) => error);
      expect(refused).toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('history database'),
      });
      expect((await client.call('listEvents', { query: {} })).source).toBe('store');
      expect(await client.call('getHealth')).toMatchObject({ deps: { db: 'down' }, quorum: true });
      await until('the server is back', () => own.reason === undefined, 20_000);
      await until('it is projected', () => edge.projector.projectedIndex === cluster.logIndex, 20_000);
      const { items } = await client.call('listAudit', { query: { action: 'config.' } });
      expect(items.map(({ target }) => target.name)).toEqual(['during', 'before']);
    } finally {
      await edge.stop();
      await own.stop();
    }
  }, 60_000);
});

/** Children of the server come and go: one that is gone needs no signal. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    expect(existsSync(`/proc/${String(pid)}/exe`)).toBe(false);
  }
}

describe('the embedded server', () => {
  test('that hangs counts as away until it answers again', async () => {
    const hung = doomed.embedded();
    try {
      await hung.start();
      const pid = Number(readFileSync(join(doomed.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
      // Stopped first, so that children that end stay as they are.
      process.kill(pid, 'SIGSTOP');
      const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
        .trim()
        .split(' ');
      const all = [pid, ...children.map(Number)];
      all.forEach((one) => {
        signal(one, 'SIGSTOP');
      });
      const failure: unknown = await hung
        .query((client) => client.$queryRaw`SELECT 1`)
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'unavailable' });
      expect(hung.state).toBe('down');
      all.forEach((one) => {
        signal(one, 'SIGCONT');
      });
      await until('it is back', () => hung.state === 'ok', 30_000);
      expect(Number(readFileSync(join(doomed.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0])).toBe(pid);
    } finally {
      await hung.stop();
    }
  }, 60_000);

  test('is adopted by the next manager when the one before was killed, and ends with it', async () => {
    const next = doomed.embedded();
    try {
      const child = spawn(
        process.execPath,
        [
          '--import',
          'tsx',
          join(dirname(fileURLToPath(import.meta.url)), 'database-child.ts'),
          doomed.dataDir,
          join(doomed.dir, 'run'),
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const [said] = (await once(child.stdout, 'data')) as [Buffer];
      expect(said.toString()).toBe('ready\n');
      const pid = Number(readFileSync(join(doomed.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await next.start();
      expect(next.reason).toBeUndefined();
      expect(Number(readFileSync(join(doomed.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0])).toBe(pid);
      await next.stop();
      expect(existsSync(join(doomed.dataDir, 'postmaster.pid'))).toBe(false);
    } finally {
      await next.stop();
    }
  }, 60_000);

  test('an external server that does not answer is told in a sentence without its password', async () => {
    const external = new Database({
      mode: 'external',
      url: 'postgresql://skep:hunter2secret@127.0.0.1:1/none',
      dataDir: '',
      runDir: '',
      logger: silent,
    });
    await external.start();
    expect(external.state).toBe('down');
    expect(external.reason).toMatch(/^the history database is not available: .*ECONNREFUSED/);
    expect(external.reason).not.toContain('hunter2secret');
    await external.stop();
  });
});
