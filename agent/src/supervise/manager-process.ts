import { spawn } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { Logger } from 'pino';

import { SwarmError } from '@skep/kernel';

import {
  formatRecord,
  isProcessAlive,
  parseRecord,
  recordProcess,
  type ProcessRecord,
} from './process-record.ts';
import type { ServiceUser } from './service-user.ts';

/** How the manager begins when it has no state on disk. */
export type ManagerOrigin =
  | { readonly kind: 'bootstrap' }
  /** With its own state, as the only manager that is left. */
  | { readonly kind: 'force' }
  /** With a backup, which it is given over its socket. */
  | { readonly kind: 'restore' }
  | { readonly kind: 'join'; readonly managers: readonly string[] }
  | { readonly kind: 'run' };

export interface ManagerProcessOptions {
  readonly dataRoot: string;
  readonly runRoot: string;
  readonly hostname: string;
  readonly program: string;
  readonly consoleDir: string | undefined;
  readonly apiAddr: string;
  readonly databaseUrl: string | undefined;
  readonly logLevel: string;
  readonly user: ServiceUser;
  readonly log: Logger;
}

export interface ManagerPlace {
  readonly advertiseAddr: string;
  readonly listenAddr: string;
}

const ORIGIN_FLAGS: Readonly<Record<ManagerOrigin['kind'], readonly string[]>> = {
  bootstrap: ['--bootstrap'],
  force: ['--force-new-cluster'],
  restore: ['--restore'],
  join: [],
  run: [],
};

const LOG_BYTES_MAX = 16 * 1024 * 1024;
const RESTART_DELAY_MIN_MS = 200;
const RESTART_DELAY_MAX_MS = 10_000;
/** A manager that ran this long is taken as healthy: the next restart is quick again. */
const HEALTHY_AFTER_MS = 10_000;
const STOP_GRACE_MS = 15_000;
const WATCH_MS = 250;

/**
 * Keeps the manager process of this host running. It is a process of its own session that outlives swarmd: a new swarmd
 * finds it by the pid file. The program is shown to it read-only at a path every user can reach, wherever it is installed.
 */
export class ManagerProcess {
  readonly #options: ManagerProcessOptions;
  #wanted: { readonly place: ManagerPlace; origin: ManagerOrigin } | undefined;
  #loop: Promise<void> | undefined;
  #record: ProcessRecord | undefined;

  constructor(options: ManagerProcessOptions) {
    this.#options = options;
  }

  get socketPath(): string {
    return join(this.#folder, 'manager.sock');
  }

  get #folder(): string {
    return join(this.#options.runRoot, 'manager');
  }

  /** Whether the manager waits for the unlock key; it says so by a file, for a swarmd that is started meanwhile. */
  get isLocked(): boolean {
    return existsSync(join(this.#folder, 'locked'));
  }

  get #pidFile(): string {
    return join(this.#folder, 'manager.pid');
  }

  get isWanted(): boolean {
    return this.#wanted !== undefined;
  }

  /** Starts the manager, or takes over the one that runs; from then on it is restarted whenever it ends. */
  start(place: ManagerPlace, origin: ManagerOrigin): void {
    this.#wanted = { place, origin };
    this.#loop ??= this.#keepRunning();
  }

  /** From the next start on the manager goes on with what is on its disk. */
  settled(): void {
    if (this.#wanted !== undefined) {
      this.#wanted.origin = { kind: 'run' };
    }
  }

  /**
   * Waits until the manager accepts connections on its socket.
   * @throws SwarmError `deadline_exceeded` with the last line of its log.
   */
  async waitReady(timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!(await accepts(this.socketPath))) {
      if (performance.now() > end) {
        throw new SwarmError(
          'deadline_exceeded',
          `the manager did not start within ${String(timeoutMs / 1000)} s: ${this.lastLogLine()}`,
        );
      }
      await delay(50);
    }
  }

  /** What the manager said last, for error messages. */
  lastLogLine(): string {
    const path = this.#logFile;
    const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
    return lines.at(-1)?.slice(-500) ?? 'it said nothing';
  }

  /** Ends the manager and no longer restarts it. */
  async stop(): Promise<void> {
    this.#wanted = undefined;
    const record = this.#record ?? this.#adopt();
    if (record !== undefined) {
      await this.#end(record);
    }
    await this.#loop;
    this.#loop = undefined;
    rmSync(this.#pidFile, { force: true });
    rmSync(this.socketPath, { force: true });
  }

  /** Lets the manager run on without this swarmd. */
  detach(): void {
    this.#wanted = undefined;
  }

  async #end(record: ProcessRecord): Promise<void> {
    const signal = (name: NodeJS.Signals): void => {
      if (isProcessAlive(record)) {
        process.kill(record.pid, name);
      }
    };
    signal('SIGTERM');
    const end = performance.now() + STOP_GRACE_MS;
    while (isProcessAlive(record)) {
      if (performance.now() > end) {
        this.#options.log.warn({ pid: record.pid }, 'manager did not stop in time and is killed');
        signal('SIGKILL');
      }
      await delay(25);
    }
  }

  #adopt(): ProcessRecord | undefined {
    const record = existsSync(this.#pidFile) ? parseRecord(readFileSync(this.#pidFile, 'utf8')) : undefined;
    return record !== undefined && isProcessAlive(record) ? record : undefined;
  }

  async #keepRunning(): Promise<void> {
    let delayMs = RESTART_DELAY_MIN_MS;
    while (this.#wanted !== undefined) {
      const adopted = this.#adopt();
      const startedMs = performance.now();
      this.#record = adopted ?? this.#spawn(this.#wanted);
      const { pid } = this.#record;
      this.#options.log.info(
        { pid, adopted: adopted !== undefined },
        adopted === undefined ? 'manager started' : 'manager taken over',
      );
      while (isProcessAlive(this.#record) && (this.isWanted || !adopted)) {
        await delay(WATCH_MS);
        if (!this.isWanted) {
          break;
        }
      }
      if (!this.isWanted) {
        return;
      }
      const ranMs = performance.now() - startedMs;
      delayMs = ranMs > HEALTHY_AFTER_MS ? RESTART_DELAY_MIN_MS : Math.min(delayMs * 2, RESTART_DELAY_MAX_MS);
      this.#options.log.error(
        { pid, ranMs: Math.round(ranMs), said: this.lastLogLine() },
        'manager ended and is started again',
      );
      await delay(delayMs);
    }
  }

  get #logFile(): string {
    return join(this.#options.dataRoot, 'log', 'manager.log');
  }

  #spawn({ place, origin }: { readonly place: ManagerPlace; readonly origin: ManagerOrigin }): ProcessRecord {
    const { user, program } = this.#options;
    const view = join(this.#folder, 'program');
    this.#makeFolders(view);
    const root = programRoot(program);
    const script = [
      'mount --bind "$1" "$2"',
      'mount -o remount,bind,ro "$2"',
      'shift 2',
      `exec setpriv --reuid=${String(user.uid)} --regid=${String(user.gid)} --init-groups -- "$@"`,
    ].join(' && ');
    const within = (path: string): string =>
      path.startsWith(`${root}/`) ? join(view, path.slice(root.length)) : path;
    const node = within(process.execPath);
    const log = openSync(this.#logFile, 'a', 0o640);
    const child = spawn(
      'unshare',
      [
        '--mount',
        '--propagation',
        'private',
        'sh',
        '-c',
        script,
        'skep-manager',
        root,
        view,
        node,
        within(program),
        ...this.#flags(place, origin, within),
      ],
      { stdio: ['ignore', log, log], detached: true, cwd: '/', env: managerEnvironment() },
    );
    closeSync(log);
    child.on('error', (error) => this.#options.log.error({ err: error }, 'manager could not be started'));
    child.unref();
    const record = recordProcess(child.pid ?? 0);
    writeFileSync(`${this.#pidFile}.new`, formatRecord(record));
    renameSync(`${this.#pidFile}.new`, this.#pidFile);
    return record;
  }

  #flags(place: ManagerPlace, origin: ManagerOrigin, within: (path: string) => string): string[] {
    const { dataRoot, runRoot, hostname, apiAddr, consoleDir, databaseUrl, logLevel } = this.#options;
    return [
      `--data-root=${dataRoot}`,
      `--run-root=${runRoot}`,
      `--hostname=${hostname}`,
      `--advertise-addr=${place.advertiseAddr}`,
      `--listen-addr=${place.listenAddr}`,
      `--api-addr=${apiAddr}`,
      `--log-level=${logLevel}`,
      ...(consoleDir === undefined ? [] : [`--console-dir=${within(consoleDir)}`]),
      ...(databaseUrl === undefined ? [] : [`--database-url=${databaseUrl}`]),
      ...ORIGIN_FLAGS[origin.kind],
      ...(origin.kind === 'join' ? origin.managers.map((manager) => `--join=${manager}`) : []),
    ];
  }

  #makeFolders(view: string): void {
    const { dataRoot, user } = this.#options;
    mkdirSync(join(dataRoot, 'log'), { recursive: true });
    for (const folder of [this.#folder, join(dataRoot, 'raft'), join(dataRoot, 'postgres')]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      chownSync(folder, user.uid, user.gid);
    }
    mkdirSync(view, { recursive: true });
    rmSync(this.socketPath, { force: true });
    if (existsSync(this.#logFile) && statSync(this.#logFile).size > LOG_BYTES_MAX) {
      renameSync(this.#logFile, `${this.#logFile}.1`);
    }
  }
}

/** The folder above `apps/manager/dist/manager.mjs`: what the manager has to see of the file system for its own code. */
function programRoot(program: string): string {
  return dirname(dirname(dirname(dirname(program))));
}

/** Nothing of swarmd's environment but what a service needs. */
function managerEnvironment(): NodeJS.ProcessEnv {
  const { PATH, TZ, LANG } = process.env;
  return {
    PATH: PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    NODE_ENV: 'production',
    ...(TZ === undefined ? {} : { TZ }),
    ...(LANG === undefined ? {} : { LANG }),
  };
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
