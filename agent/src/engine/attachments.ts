import { PassThrough, Writable } from 'node:stream';
import { SwarmError } from '@skep/kernel';
import type { AttachOptions } from './container-api.ts';
import { isAlive, type ContainerEntry } from './container-record.ts';
import type { AttachedStreams } from './engine-api.ts';
import type { EnginePaths } from './engine-paths.ts';
import { openAttachSocket } from './runtime/attach-socket.ts';

const WAITING_MAX = 64;

/** Attaches to running containers, and to those that are yet to start: then nothing of their output is missed. */
export class Attachments {
  readonly #paths: EnginePaths;
  readonly #waiting = new Map<string, Set<WaitingAttachment>>();

  constructor(paths: EnginePaths) {
    this.#paths = paths;
  }

  attach(entry: ContainerEntry, options: AttachOptions): AttachedStreams {
    const { record } = entry;
    if (record.state.status === 'paused') {
      throw new SwarmError(
        'failed_precondition',
        `container ${record.id} is paused, unpause the container before attach`,
        {
          details: { dockerStatus: 409 },
        },
      );
    }
    if (isAlive(record.state.status)) {
      return this.#open(entry, options);
    }
    const waiting = this.#waiting.get(record.id) ?? new Set();
    if (waiting.size >= WAITING_MAX) {
      throw new SwarmError(
        'resource_exhausted',
        `too many clients wait for container ${record.name} to start`,
      );
    }
    const attachment = new WaitingAttachment(entry, options, () => {
      waiting.delete(attachment);
    });
    this.#waiting.set(record.id, waiting.add(attachment));
    return attachment.streams;
  }

  /** The container's process exists and waits: connects those who came before it. It may go when this resolves. */
  async created(entry: ContainerEntry): Promise<void> {
    const waiting = this.#waiting.get(entry.record.id);
    this.#waiting.delete(entry.record.id);
    const accepted: Promise<void>[] = [];
    for (const attachment of waiting ?? []) {
      const streams = this.#open(entry, attachment.options);
      attachment.connect(streams);
      accepted.push(streams.accepted);
    }
    await Promise.all(accepted);
  }

  /** The container did not start, or is gone: those who still wait get an end. */
  ended(entry: ContainerEntry): void {
    const waiting = this.#waiting.get(entry.record.id);
    this.#waiting.delete(entry.record.id);
    for (const attachment of waiting ?? []) {
      attachment.streams.detach();
    }
  }

  #open(entry: ContainerEntry, options: AttachOptions): ReturnType<typeof openAttachSocket> {
    const { config, id } = entry.record;
    return openAttachSocket(this.#paths.container(id).bundle, {
      stdin: (options.stdin ?? false) && (config.openStdin ?? false),
      stdout: options.stdout ?? false,
      stderr: options.stderr ?? false,
      tty: config.tty ?? false,
    });
  }
}

/** Streams that are connected later. What is written before that waits for a reader. */
class WaitingAttachment {
  readonly options: AttachOptions;
  readonly streams: AttachedStreams;
  readonly #stdout = new PassThrough();
  readonly #stderr: PassThrough | null;
  readonly #forget: () => void;
  #connected: AttachedStreams | undefined;
  #onConnected: (() => void) | undefined;
  #isDetached = false;

  constructor(entry: ContainerEntry, options: AttachOptions, forget: () => void) {
    this.options = options;
    this.#forget = forget;
    this.#stderr = entry.record.config.tty === true ? null : new PassThrough();
    const wantsStdin = (options.stdin ?? false) && (entry.record.config.openStdin ?? false);
    this.streams = {
      stdout: this.#stdout,
      stderr: this.#stderr,
      stdin: wantsStdin ? this.#lateStdin() : null,
      detach: () => {
        this.#detach();
      },
    };
  }

  connect(streams: AttachedStreams): void {
    this.#connected = streams;
    if (this.#isDetached) {
      streams.detach();
      return;
    }
    streams.stdout.pipe(this.#stdout);
    if (this.#stderr !== null) {
      streams.stderr?.pipe(this.#stderr);
    }
    this.#onConnected?.();
  }

  #lateStdin(): Writable {
    const target = async (): Promise<NodeJS.WritableStream | null> => {
      if (this.#connected === undefined && !this.#isDetached) {
        await new Promise<void>((resolve) => {
          this.#onConnected = resolve;
        });
      }
      return this.#connected?.stdin ?? null;
    };
    return new Writable({
      write(chunk: Buffer, _encoding, callback) {
        void target().then((stdin) => {
          if (stdin === null) {
            callback();
          } else {
            stdin.write(chunk, (error) => {
              callback(error);
            });
          }
        });
      },
      final(callback) {
        void target().then((stdin) => {
          stdin?.end();
          callback();
        });
      },
    });
  }

  #detach(): void {
    this.#isDetached = true;
    this.#forget();
    this.#onConnected?.();
    this.#connected?.detach();
    this.#stdout.end();
    this.#stderr?.end();
  }
}
