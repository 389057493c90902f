import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PrismaPg } from '@prisma/adapter-pg';
import type { Logger } from 'pino';

import { SwarmError, errorMessage } from '@skep/kernel';
import type { DependencyState } from '@skep/contract';

import { PrismaClient } from './generated/client.ts';
import { findMigrationsDir, migrate, readMigrations } from './migrate.ts';
import { connect, toClientConfig, type PostgresAddress } from './postgres-address.ts';
import { PostgresProcess } from './postgres-process.ts';

export interface DatabaseOptions {
  readonly mode: 'embedded' | 'external' | 'off';
  readonly url: string | undefined;
  readonly dataDir: string;
  readonly runDir: string;
  readonly runAs?: { readonly uid: number; readonly gid: number };
  readonly logger: Logger;
}

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 15_000;
/** The database is asked whether it answers this often; an answer later than that is a slow one. */
const PING_MS = 5000;
const SLOW_MS = 1000;

/**
 * The history database: started, migrated, watched, and started again when it ends. Everything else works without it;
 * who needs it asks for {@link client}, which says in one sentence why there is none.
 */
export class Database {
  readonly #options: DatabaseOptions;
  readonly #process: PostgresProcess | undefined;
  #client: PrismaClient | undefined;
  #reason = 'the history database is still starting';
  #isClosed = false;
  #retryMs = RETRY_MS_MIN;
  #timer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;
  #isSlow = false;
  #opening: Promise<void> | undefined;
  readonly #listeners = new Set<(isUp: boolean) => void>();

  constructor(options: DatabaseOptions) {
    this.#options = options;
    if (options.mode === 'embedded') {
      this.#process = new PostgresProcess({
        dataDir: options.dataDir,
        runDir: options.runDir,
        ...(options.runAs === undefined ? {} : { runAs: options.runAs }),
        logger: options.logger,
        onExit: () => {
          this.lost('the history database ended and is being started again');
        },
      });
    }
  }

  /** Begins to open the database and goes on trying. Resolves after the first attempt, whatever came of it. */
  async start(): Promise<void> {
    if (this.#options.mode === 'off') {
      this.#reason = 'this manager runs without a history database';
      return;
    }
    this.#pingTimer = setInterval(() => {
      void this.#ping();
    }, PING_MS);
    await this.#open();
  }

  async stop(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#pingTimer);
    await this.#opening;
    await this.#client?.$disconnect();
    this.#client = undefined;
    await this.#process?.stop();
  }

  get state(): DependencyState {
    if (this.#options.mode === 'off') {
      return 'off';
    }
    return this.#client === undefined ? 'down' : this.#isSlow ? 'slow' : 'ok';
  }

  /** Why there is no database, in one sentence; undefined when there is one. */
  get reason(): string | undefined {
    return this.#client === undefined ? this.#reason : undefined;
  }

  /** @throws SwarmError `unavailable` with the reason. */
  client(): PrismaClient {
    if (this.#client === undefined) {
      throw new SwarmError('unavailable', this.#reason, { details: { dependency: 'db' } });
    }
    return this.#client;
  }

  /** Runs a query. A connection that broke counts as an outage: the database is opened anew. */
  async query<T>(work: (client: PrismaClient) => Promise<T>): Promise<T> {
    const client = this.client();
    try {
      return await work(client);
    } catch (error: unknown) {
      if (isOutage(error)) {
        this.lost('the history database does not answer');
        throw new SwarmError('unavailable', this.#reason, { cause: error, details: { dependency: 'db' } });
      }
      throw error;
    }
  }

  /** Called when the database comes and goes. Returns the function that ends it. */
  onChange(listener: (isUp: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Gives up the present connection and opens a new one. */
  lost(reason: string): void {
    const client = this.#client;
    this.#client = undefined;
    this.#reason = reason;
    if (client !== undefined) {
      this.#options.logger.warn({ reason }, 'history database lost');
      client.$disconnect().catch(() => undefined);
      this.#listeners.forEach((listener) => {
        listener(false);
      });
    }
    this.#retry();
  }

  /** Finds out that the database hangs before a person does. */
  async #ping(): Promise<void> {
    if (this.#client === undefined) {
      return;
    }
    const startMs = performance.now();
    try {
      await this.query((client) => client.$queryRaw`SELECT 1`);
      this.#isSlow = performance.now() - startMs > SLOW_MS;
    } catch (error: unknown) {
      this.#options.logger.debug({ reason: errorMessage(error) }, 'history database not pinged');
    }
  }

  #retry(): void {
    if (this.#isClosed || this.#opening !== undefined) {
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#open(), this.#retryMs);
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2);
  }

  async #open(): Promise<void> {
    this.#opening ??= this.#openOnce().finally(() => {
      this.#opening = undefined;
      if (this.#client === undefined) {
        this.#retry();
      }
    });
    await this.#opening;
  }

  async #openOnce(): Promise<void> {
    const { logger, url } = this.#options;
    try {
      await this.#process?.start();
      const address: PostgresAddress = this.#process?.address ?? { url: url ?? '' };
      await migrateAt(address, logger);
      if (this.#isClosed) {
        return;
      }
      this.#client = new PrismaClient({ adapter: new PrismaPg({ ...toClientConfig(address), max: 4 }) });
      this.#retryMs = RETRY_MS_MIN;
      logger.info({ mode: this.#options.mode }, 'history database ready');
      this.#listeners.forEach((listener) => {
        listener(true);
      });
    } catch (error: unknown) {
      this.#reason = `the history database is not available: ${withoutPassword(errorMessage(error))}`;
      logger.warn({ reason: this.#reason }, 'history database not opened');
    }
  }
}

async function migrateAt(address: PostgresAddress, logger: Logger): Promise<void> {
  const client = await connect(address);
  try {
    const here = dirname(fileURLToPath(import.meta.url));
    const applied = await migrate(client, readMigrations(findMigrationsDir(here)));
    if (applied.length > 0) {
      logger.info({ migrations: applied }, 'history database migrated');
    }
  } finally {
    await client.end();
  }
}

/** Prisma and pg say "no connection" in many ways: codes of class 08 and 57P0x, Node's socket errors, P1001 and the like. */
function isOutage(error: unknown): boolean {
  for (let one: unknown = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth += 1) {
    const code = 'code' in one && typeof one.code === 'string' ? one.code : '';
    const text = `${code} ${one.name} ${one.message}`;
    if (/\b(08\w{3}|57P0[123]|53300|ECONN\w+|ENOENT|EPIPE|ETIMEDOUT|P10(01|02|08|17)|P2024)\b/.test(text)) {
      return true;
    }
    if (
      /connection (terminated|refused|timeout)|DatabaseNotReachable|ConnectionClosed|socket|read timeout|statement timeout/i.test(
        text,
      )
    ) {
      return true;
    }
  }
  return false;
}

function withoutPassword(text: string): string {
  return text.replace(/(postgres(?:ql)?:\/\/[^:@\s/]*):[^@\s]*@/g, '$1:***@');
}
