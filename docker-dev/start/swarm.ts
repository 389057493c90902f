import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

import { SwarmError, errorMessage } from '@skep/kernel';

import { removeCgroup, remainingCgroups } from '../lab/cgroups.ts';
import { run } from '../lab/command.ts';
import { callSocket, mustCall } from '../lab/local-api.ts';
import { agentArgv, type AgentPlace } from '../lab/program.ts';
import { isAlive, recordProcess, signalProcess, waitUntil, type ProcessRecord } from '../lab/processes.ts';

export interface StartPlace extends AgentPlace {
  readonly root: string;
  readonly logFile: string;
  readonly advertiseAddr: string;
  readonly apiAddr: string;
}

/** The one-node swarm of `npm start`: swarmd as a child of this process, everything it makes below one folder. */
export class StartedSwarm {
  readonly #place: StartPlace;
  #child: ChildProcess | undefined;
  #record: ProcessRecord | undefined;

  constructor(place: StartPlace) {
    this.#place = place;
  }

  get socket(): string {
    return join(this.#place.runRoot, 'skep.sock');
  }

  get dockerSocket(): string {
    return join(this.#place.runRoot, 'docker.sock');
  }

  /** Starts swarmd and makes the swarm. */
  async start(): Promise<void> {
    mkdirSync(this.#place.runRoot, { recursive: true });
    mkdirSync(this.#place.dataRoot, { recursive: true });
    const log = openSync(this.#place.logFile, 'a');
    const [program, ...args] = [...agentArgv(this.#place), `--api-addr=${this.#place.apiAddr}`] as const;
    // A process group of its own: Ctrl-C reaches only this process, which then stops things in order.
    const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    this.#child = child;
    this.#record = recordProcess(child.pid ?? 0);
    let exitCode: number | undefined;
    child.once('exit', (code) => (exitCode = code ?? 1));
    await waitUntil('swarmd answers', () => exitCode !== undefined || existsSync(this.socket), {
      timeoutMs: 20_000,
    });
    if (exitCode !== undefined) {
      throw new SwarmError(
        'failed_precondition',
        `swarmd ended at once (${String(exitCode)}): ${this.#lastLogLine()}`,
      );
    }
    await mustCall(this.socket, {
      method: 'POST',
      path: '/local/v1/init',
      body: { advertiseAddr: this.#place.advertiseAddr },
    });
  }

  /** Calls `then` when swarmd ends by itself. */
  onExit(then: (code: number) => void): void {
    this.#child?.once('exit', (code) => then(code ?? 1));
  }

  #lastLogLine(): string {
    return readFileSync(this.#place.logFile, 'utf8').trim().split('\n').at(-1) ?? '';
  }

  /** Loads an image archive through the Docker API, as `docker load` does. */
  loadImage(archive: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          socketPath: this.dockerSocket,
          method: 'POST',
          path: '/images/load?quiet=1',
          headers: { 'content-type': 'application/x-tar', 'content-length': statSync(archive).size },
        },
        (incoming) => {
          let body = '';
          incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
          incoming.on('end', () => {
            const isBad = (incoming.statusCode ?? 500) >= 400 || body.includes('"errorDetail"');
            if (isBad) {
              reject(new SwarmError('internal', `loading ${archive} failed: ${body.trim()}`));
            } else {
              resolve();
            }
          });
        },
      );
      outgoing.on('error', reject);
      createReadStream(archive).pipe(outgoing);
    });
  }

  /** Stops everything and removes every trace. Answers what could not be removed. */
  async remove(): Promise<string[]> {
    const record = this.#record;
    if (record !== undefined && isAlive(record)) {
      await callSocket(this.socket, {
        method: 'POST',
        path: '/local/v1/leave',
        body: { force: true },
        timeoutMs: 30_000,
      }).catch((error: unknown) => process.stderr.write(`  leaving the swarm: ${errorMessage(error)}\n`));
      await callSocket(this.socket, { method: 'POST', path: '/local/v1/purge', timeoutMs: 60_000 }).catch(
        (error: unknown) =>
          process.stderr.write(`  removing containers and networks: ${errorMessage(error)}\n`),
      );
      signalProcess(record, 'SIGTERM');
      await waitUntil('swarmd ended', () => !isAlive(record), { timeoutMs: 20_000 }).catch(() => {
        signalProcess(record, 'SIGKILL');
      });
    }
    // swarmd keeps its mount namespace by a handle, so that the next one finds the containers' mounts.
    const handles = join(this.#place.runRoot, 'namespaces');
    for (const mounted of [join(handles, 'mount'), handles]) {
      await run(['umount', mounted]);
    }
    removeCgroup(this.#place.cgroup);
    rmSync(this.#place.root, { recursive: true, force: true });
    rmSync(this.#place.runRoot, { recursive: true, force: true });
    return [
      ...remainingCgroups(this.#place.cgroup),
      ...[this.#place.root, this.#place.runRoot].filter((path) => existsSync(path)),
    ];
  }
}
