import { SwarmError } from '@skep/kernel';
import type { Message } from '@skep/raft';

import type { RaftFrame } from './raft-wire.ts';

/** Largest snapshot that is taken in. */
export const SNAPSHOT_BYTES_MAX = 2 * 1024 * 1024 * 1024;

/** Puts a streamed snapshot together again; one for each connection. */
export class SnapshotReceiver {
  #message: Message | undefined;
  #parts: Uint8Array[] = [];
  #sizeBytes = 0;
  #expectedBytes = 0;

  /**
   * Takes one frame; the answer is the whole message once the last part has come.
   * @throws SwarmError `data_loss` when parts are missing, out of place or too many.
   */
  add(frame: Exclude<RaftFrame, { kind: 'messages' }>): Message | undefined {
    switch (frame.kind) {
      case 'snapshotBegin':
        this.#begin(frame.message, frame.sizeBytes);
        return undefined;
      case 'snapshotPart':
        this.#sizeBytes += frame.data.length;
        if (this.#message === undefined || this.#sizeBytes > this.#expectedBytes) {
          throw new SwarmError('data_loss', 'a part of a snapshot came out of place');
        }
        this.#parts.push(frame.data);
        return undefined;
      case 'snapshotEnd':
        return this.#end();
    }
  }

  #begin(message: Message, sizeBytes: number): void {
    if (sizeBytes > SNAPSHOT_BYTES_MAX || message.type !== 'snapshot') {
      throw new SwarmError('too_large', `a snapshot of ${String(sizeBytes)} bytes is not taken`);
    }
    this.#message = message;
    this.#parts = [];
    this.#sizeBytes = 0;
    this.#expectedBytes = sizeBytes;
  }

  #end(): Message {
    const message = this.#message;
    if (message?.type !== 'snapshot' || this.#sizeBytes !== this.#expectedBytes) {
      throw new SwarmError('data_loss', 'a snapshot ended before all of it came');
    }
    const data = Buffer.concat(this.#parts);
    this.#message = undefined;
    this.#parts = [];
    return { ...message, snapshot: { meta: message.snapshot.meta, data } };
  }
}
