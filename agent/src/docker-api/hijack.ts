import type { Duplex, Readable } from 'node:stream';

import { frameHeader, type StreamName } from '@skep/docker-api';

import type { AttachedStreams } from '../engine/engine-api.ts';
import { DetachKeyFilter } from './detach-keys.ts';
import { writeAll } from './streams.ts';

export interface PipeOptions {
  /** With a terminal the output is raw; otherwise it is framed. */
  readonly hasTerminal: boolean;
  /** Bytes that detach this client; undefined: none. */
  readonly detachKeys?: Uint8Array | undefined;
  /** Settles before the connection ends, so that a client that asks for the exit code then finds it. */
  readonly beforeEnd?: Promise<unknown>;
}

/**
 * Carries bytes between a taken-over connection and a process until the output is complete, the client goes away or
 * types its detach keys. Both directions are held back when the other side is slow.
 */
export async function pipeStreams(
  socket: Duplex,
  streams: AttachedStreams,
  options: PipeOptions,
): Promise<void> {
  const stopInput = pumpInput(socket, streams, options.detachKeys);
  const onClose = (): void => {
    streams.detach();
  };
  socket.once('close', onClose);
  if (socket.destroyed) {
    onClose();
  }
  try {
    await Promise.all([
      pumpOutput(streams.stdout, socket, options.hasTerminal ? undefined : 'stdout'),
      streams.stderr === null
        ? undefined
        : pumpOutput(streams.stderr, socket, options.hasTerminal ? undefined : 'stderr'),
    ]);
    await options.beforeEnd;
  } finally {
    stopInput();
    socket.off('close', onClose);
    streams.detach();
    socket.end();
    // Nothing more is read: a client that goes on sending must not keep the connection.
    socket.resume();
    destroyAfterLinger(socket);
  }
}

/** How long a client may keep its side open after ours has ended. */
const LINGER_MS = 5000;

function destroyAfterLinger(socket: Duplex): void {
  const timer = setTimeout(() => {
    socket.destroy();
  }, LINGER_MS);
  timer.unref();
  socket.once('close', () => {
    clearTimeout(timer);
  });
}

/** Copies output until it ends or the connection closes; a source that breaks ends like one that is complete. */
async function pumpOutput(source: Readable, socket: Duplex, frame: StreamName | undefined): Promise<void> {
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      // Header and payload leave in one write.
      socket.cork();
      if (frame !== undefined) {
        socket.write(frameHeader(frame, chunk.length));
      }
      const written = writeAll(socket, chunk);
      socket.uncork();
      if (!(await written)) {
        return;
      }
    }
  } catch (error) {
    if (!socket.destroyed && (error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') {
      throw error;
    }
  }
}

/** Copies the client's bytes to standard input; answers what stops it. */
function pumpInput(socket: Duplex, streams: AttachedStreams, detachKeys: Uint8Array | undefined): () => void {
  const { stdin } = streams;
  if (stdin === null) {
    // The client's end of input must still be seen, or its half of the connection stays open.
    socket.resume();
    return () => undefined;
  }
  const filter = detachKeys === undefined ? undefined : new DetachKeyFilter(detachKeys);
  const onData = (chunk: Buffer): void => {
    const filtered = filter === undefined ? { pass: chunk, isDetached: false } : filter.push(chunk);
    if (filtered.pass.length > 0 && !stdin.write(filtered.pass)) {
      socket.pause();
      stdin.once('drain', () => socket.resume());
    }
    if (filtered.isDetached) {
      streams.detach();
      socket.end();
    }
  };
  const onEnd = (): void => {
    stdin.end();
  };
  const stop = (): void => {
    socket.off('data', onData);
    socket.off('end', onEnd);
  };
  // A process that has closed its input makes further writes fail; its output goes on.
  stdin.on('error', () => {
    stop();
    socket.resume();
  });
  socket.on('data', onData);
  socket.once('end', onEnd);
  // Reading the request's body has paused the connection.
  socket.resume();
  return stop;
}
