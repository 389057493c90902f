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
 * types its detach keys. Both directions are held back when the other side is slow. Answers whether the client left a
 * process that goes on: by its keys or, as the docker CLI does, which looks for the keys itself, by closing a terminal.
 */
export async function pipeStreams(
  socket: Duplex,
  streams: AttachedStreams,
  options: PipeOptions,
): Promise<{ readonly isDetached: boolean }> {
  const left = { isDetached: false };
  const stopInput = pumpInput(socket, streams, {
    ...options,
    onDetach: () => {
      left.isDetached = true;
    },
  });
  const onClose = (): void => {
    left.isDetached ||= options.hasTerminal && streams.stdin !== null;
    streams.detach();
  };
  socket.once('close', onClose);
  const stopWaiting = options.hasTerminal ? afterInput(socket, onClose) : () => undefined;
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
    if (!left.isDetached) {
      await options.beforeEnd;
    }
    return left;
  } finally {
    stopInput();
    stopWaiting();
    socket.off('close', onClose);
    streams.detach();
    socket.end();
    // Nothing more is read: a client that goes on sending must not keep the connection.
    socket.resume();
    destroyAfterLinger(socket);
  }
}

/** How long a terminal's output still goes to a client that types no more. Docker's engine ends it at once. */
const TERMINAL_LINGER_MS = 1000;

/** Calls `leave` some time after the client has ended its input, unless what it answers was called before. */
function afterInput(socket: Duplex, leave: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const onEnd = (): void => {
    timer = setTimeout(leave, TERMINAL_LINGER_MS);
  };
  socket.once('end', onEnd);
  if (socket.readableEnded) {
    onEnd();
  }
  return () => {
    socket.off('end', onEnd);
    clearTimeout(timer);
  };
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
function pumpInput(
  socket: Duplex,
  streams: AttachedStreams,
  how: PipeOptions & { readonly onDetach: () => void },
): () => void {
  const { stdin } = streams;
  if (stdin === null) {
    // The client's end of input must still be seen, or its half of the connection stays open.
    socket.resume();
    return () => undefined;
  }
  const filter = how.detachKeys === undefined ? undefined : new DetachKeyFilter(how.detachKeys);
  const onData = (chunk: Buffer): void => {
    const filtered = filter === undefined ? { pass: chunk, isDetached: false } : filter.push(chunk);
    if (filtered.pass.length > 0 && !stdin.write(filtered.pass)) {
      socket.pause();
      stdin.once('drain', () => socket.resume());
    }
    if (filtered.isDetached) {
      how.onDetach();
      streams.detach();
      socket.end();
    }
  };
  const onEnd = (): void => {
    // A terminal has no end of input: whoever leaves it must not end its process.
    if (!how.hasTerminal) {
      stdin.end();
    }
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
