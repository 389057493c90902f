import type { Writable } from 'node:stream';

import { errorMessageLine, progressMessage, type ProgressMessage } from '@skep/docker-api';
import { errorMessage, isSwarmError } from '@skep/kernel';

import type { TransferProgress } from '../engine/image-api.ts';
import type { Exchange } from './exchange.ts';

/** Least time between two byte counts of one layer. */
const BYTES_INTERVAL_MS = 100;

/**
 * The JSON lines of a transfer. The answer's status is sent with the first line, so an error before it is an ordinary
 * answer, and one after it is told inside the stream. Byte counts are thinned out, and dropped for a slow client.
 */
export class ProgressStream {
  readonly #exchange: Exchange;
  readonly #isQuiet: boolean;
  readonly #nowMs: () => number;
  readonly #lastBytesMs = new Map<string, number>();
  #stream: Writable | undefined;

  constructor(
    exchange: Exchange,
    options: { readonly isQuiet?: boolean; readonly nowMs?: () => number } = {},
  ) {
    this.#exchange = exchange;
    this.#isQuiet = options.isQuiet ?? false;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  readonly onProgress = (progress: TransferProgress): void => {
    if (!this.#isQuiet && this.#isDue(progress)) {
      this.write(progressMessage(progress));
    }
  };

  #isDue({ id, currentBytes, totalBytes, status }: TransferProgress): boolean {
    if (currentBytes === undefined || currentBytes === totalBytes) {
      return true;
    }
    const key = `${id} ${status}`;
    const nowMs = this.#nowMs();
    const lastMs = this.#lastBytesMs.get(key);
    if (lastMs !== undefined && nowMs - lastMs < BYTES_INTERVAL_MS) {
      return false;
    }
    this.#lastBytesMs.set(key, nowMs);
    return this.#stream?.writableNeedDrain !== true;
  }

  write(message: ProgressMessage): void {
    this.#stream ??= this.#exchange.startStream('application/json');
    if (!this.#stream.destroyed) {
      this.#stream.write(`${JSON.stringify(message)}\r\n`);
    }
  }

  /** As {@link write}; the promise is open while the client has not read enough. */
  writeAll(message: ProgressMessage): void | Promise<void> {
    this.write(message);
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed || !stream.writableNeedDrain) {
      return undefined;
    }
    return new Promise((resolve) => {
      stream.once('drain', resolve).once('close', resolve);
    });
  }

  /** Runs `transfer`, then ends the stream. @throws what it throws, when nothing has been written yet. */
  async run(transfer: () => Promise<void>): Promise<void> {
    try {
      await transfer();
    } catch (error) {
      if (this.#stream === undefined) {
        throw error;
      }
      if (!isSwarmError(error, 'cancelled')) {
        const code = isSwarmError(error) ? error.details['exitCode'] : undefined;
        this.write(errorMessageLine(errorMessage(error), typeof code === 'number' ? code : undefined));
      }
    }
    this.#stream ??= this.#exchange.startStream('application/json');
    this.#stream.end();
  }
}
