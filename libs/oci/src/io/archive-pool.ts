import { PassThrough, type Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { SwarmError, errorMessage, fromErrorRecord } from '@skep/kernel';
import {
  CHUNK_WINDOW,
  type AdjustJob,
  type ArchiveJob,
  type ConfinedStat,
  type FromWorker,
  type PackJob,
  type ResolveOwnerJob,
  type StatJob,
  type ToWorker,
  type UnpackJob,
  type UnpackResult,
} from './archive-job.ts';

const IDLE_WORKERS_MAX = 2;
const IDLE_LIFETIME_MS = 20_000;
/** V8 heap of one worker: archives are streamed, so a small heap is enough. */
const WORKER_HEAP_MB = 96;
/** Archives pass through buffers outside the heap; what a thread allocates for good is little. */
const WORKER_NEW_SPACE_MB = 6;

interface JobHooks {
  readonly input?: Readable;
  readonly onChunk?: (bytes: Uint8Array) => void;
  readonly onProgress?: (archiveBytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs {@link ArchiveJob}s in confined worker threads, at most `workersMax` at a time; others wait in line.
 * Threads are started when they are needed and end after some idle seconds.
 */
export class ArchivePool {
  readonly #workersMax: number;
  readonly #idle: { worker: Worker; timer: NodeJS.Timeout }[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #isClosed = false;

  constructor(workersMax = 3) {
    this.#workersMax = workersMax;
  }

  /** Unpacks an archive from a file or from `input`. */
  async unpack(
    job: UnpackJob,
    hooks: Pick<JobHooks, 'input' | 'onProgress' | 'signal'> = {},
  ): Promise<UnpackResult> {
    return (await this.#run(job, hooks)) as UnpackResult;
  }

  /** A tar archive as a stream; it ends with an error when packing fails. Destroying it stops the work. */
  pack(job: PackJob): Readable {
    const abort = new AbortController();
    const output = new PassThrough({ highWaterMark: 1024 * 1024 });
    output.on('close', () => {
      abort.abort();
    });
    this.#run(job, { signal: abort.signal, onChunk: (bytes) => output.write(bytes) }, output).then(
      () => output.end(),
      (error: unknown) => output.destroy(error instanceof Error ? error : new Error(String(error))),
    );
    return output;
  }

  /** Looks at paths below a root; null where there is nothing. */
  async stat(job: StatJob): Promise<readonly (ConfinedStat | null)[]> {
    return (await this.#run(job, {})) as readonly (ConfinedStat | null)[];
  }

  /** Reads small files below a root; null where there is none. */
  async read(job: ResolveOwnerJob): Promise<readonly (Uint8Array | null)[]> {
    return (await this.#run(job, {})) as readonly (Uint8Array | null)[];
  }

  /** Makes directories and sets their owner and mode. */
  async adjust(job: AdjustJob): Promise<void> {
    await this.#run(job, {});
  }

  /** Ends all threads. Jobs that run fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const wake of this.#waiting.splice(0)) {
      wake();
    }
    await Promise.all(
      this.#idle.splice(0).map(({ worker, timer }) => {
        clearTimeout(timer);
        return worker.terminate();
      }),
    );
  }

  async #run(job: ArchiveJob, hooks: JobHooks, output?: PassThrough): Promise<unknown> {
    const worker = await this.#acquire();
    let isHealthy = false;
    try {
      const result = await this.#converse(worker, job, hooks, output);
      isHealthy = true;
      return result;
    } catch (error: unknown) {
      isHealthy = error instanceof SwarmError && error.details['worker'] !== 'lost';
      throw error;
    } finally {
      this.#release(worker, isHealthy);
    }
  }

  async #acquire(): Promise<Worker> {
    while (this.#busy >= this.#workersMax && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#isClosed) {
      throw new SwarmError('unavailable', 'the engine is closing');
    }
    this.#busy += 1;
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      clearTimeout(idle.timer);
      return idle.worker;
    }
    try {
      return await startWorker();
    } catch (error: unknown) {
      this.#busy -= 1;
      throw error;
    }
  }

  #release(worker: Worker, isHealthy: boolean): void {
    this.#busy -= 1;
    if (!isHealthy || this.#isClosed || this.#idle.length >= IDLE_WORKERS_MAX) {
      void worker.terminate();
    } else {
      const timer = setTimeout(() => {
        const index = this.#idle.findIndex((entry) => entry.worker === worker);
        this.#idle.splice(index, 1);
        void worker.terminate();
      }, IDLE_LIFETIME_MS);
      timer.unref();
      this.#idle.push({ worker, timer });
    }
    this.#waiting.shift()?.();
  }

  #converse(worker: Worker, job: ArchiveJob, hooks: JobHooks, output?: PassThrough): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const feeder = new InputFeeder(worker, hooks.input);
      const abort = (): void => {
        send(worker, { kind: 'abort' });
      };
      const settle = (action: () => void): void => {
        worker.removeAllListeners('message').removeAllListeners('error').removeAllListeners('exit');
        hooks.signal?.removeEventListener('abort', abort);
        worker.unref();
        feeder.stop();
        action();
      };
      const lose = (reason: string): void => {
        settle(() => {
          reject(new SwarmError('internal', reason, { details: { worker: 'lost' } }));
        });
      };
      worker.on('message', (message: FromWorker) => {
        switch (message.kind) {
          case 'ready':
            return;
          case 'progress':
            hooks.onProgress?.(message.archiveBytes);
            return;
          case 'credit':
            feeder.credit();
            return;
          case 'chunk':
            hooks.onChunk?.(message.bytes);
            grantCredit(worker, output);
            return;
          case 'done':
            settle(() => {
              resolve(message.result);
            });
            return;
          case 'failed':
            settle(() => {
              reject(feeder.failure ?? fromErrorRecord(message.error));
            });
        }
      });
      worker.on('error', (error: unknown) => {
        lose(`the archive worker failed: ${errorMessage(error)}`);
      });
      worker.on('exit', (code) => {
        lose(`the archive worker ended with code ${String(code)}`);
      });
      if (hooks.signal?.aborted === true) {
        settle(() => {
          reject(new SwarmError('cancelled', 'the transfer was cancelled'));
        });
        return;
      }
      hooks.signal?.addEventListener('abort', abort);
      worker.ref();
      send(worker, { kind: 'job', job });
      feeder.start();
    });
  }
}

/** Sends a readable to the worker, a window of chunks ahead at most. */
class InputFeeder {
  readonly #worker: Worker;
  readonly #input: Readable | undefined;
  #credits = CHUNK_WINDOW;
  #wake: (() => void) | undefined;
  #isStopped = false;
  failure: SwarmError | undefined;

  constructor(worker: Worker, input: Readable | undefined) {
    this.#worker = worker;
    this.#input = input;
  }

  start(): void {
    if (this.#input !== undefined) {
      this.#feed(this.#input).catch((error: unknown) => {
        this.failure = new SwarmError('unavailable', `the archive broke off: ${errorMessage(error)}`, {
          cause: error,
        });
        send(this.#worker, { kind: 'abort' });
      });
    }
  }

  credit(): void {
    this.#credits += 1;
    this.#wake?.();
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  async #feed(input: Readable): Promise<void> {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      while (this.#credits === 0 && !this.#stopped()) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      if (this.#stopped()) {
        return;
      }
      this.#credits -= 1;
      send(this.#worker, { kind: 'chunk', bytes: chunk });
    }
    send(this.#worker, { kind: 'end' });
  }

  #stopped(): boolean {
    return this.#isStopped;
  }
}

function grantCredit(worker: Worker, output: PassThrough | undefined): void {
  if (output?.writableNeedDrain === true) {
    output.once('drain', () => {
      send(worker, { kind: 'credit' });
    });
  } else {
    send(worker, { kind: 'credit' });
  }
}

function send(worker: Worker, message: ToWorker): void {
  worker.postMessage(message);
}

function startWorker(): Promise<Worker> {
  // Sources run as .ts, the shipped bundle as .mjs; the worker stands beside whichever file this is.
  const extension = /\.(\w+)$/.exec(import.meta.url)?.[1] ?? 'mjs';
  const worker = new Worker(new URL(`./archive-worker.${extension}`, import.meta.url), {
    name: 'archive',
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB, maxYoungGenerationSizeMb: WORKER_NEW_SPACE_MB },
  });
  worker.unref();
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', () => {
      worker.removeAllListeners('error');
      resolve(worker);
    });
  });
}
