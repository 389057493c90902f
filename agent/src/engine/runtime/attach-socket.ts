import { closeSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { SwarmError } from '@skep/kernel';
import { isErrno } from '@skep/oci';
import { connectSeqPacket, duplicate } from './system-calls.ts';
import type { AttachedStreams } from '../engine-api.ts';
import { whenAccepted } from './accepted-peer.ts';

/** conmon's socket buffer: larger packets would be cut. */
const PACKET_BYTES_MAX = 32 * 1024;
const STDOUT_MARK = 2;
const STDERR_MARK = 3;

interface PipeHandle {
  open(fd: number): number;
}

interface PipeBinding {
  readonly Pipe: new (type: number) => PipeHandle;
  readonly constants: { readonly SOCKET: number };
}

/**
 * Node opens stream sockets only, but its pipe handle reads and writes any descriptor, one packet at a time. That
 * class is not public; Node's version is pinned, and an integration test stands guard over it.
 */
function wrapDescriptor(fd: number): Socket {
  const binding = (process as unknown as { binding(name: string): PipeBinding }).binding('pipe_wrap');
  const handle = new binding.Pipe(binding.constants.SOCKET);
  handle.open(fd);
  const options = { handle, allowHalfOpen: true, readable: true, writable: true };
  return new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
}

export interface AttachWishes {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/**
 * Attaches to the session whose bundle this is. Packets lead with a byte that tells output from errors; the two come
 * apart into streams of their own. When a reader is slow, conmon is made to wait, and so is the container. `accepted`
 * settles when conmon knows of it: a process that is let go before that may have ended when conmon first looks.
 */
export function openAttachSocket(
  bundle: string,
  wishes: AttachWishes,
): AttachedStreams & { readonly accepted: Promise<void> } {
  const stdout = new PassThrough();
  const stderr = wishes.tty ? null : new PassThrough();
  if (!wishes.stdout) {
    stdout.resume();
  }
  if (!wishes.stderr) {
    stderr?.resume();
  }
  const end = (): void => {
    stdout.end();
    stderr?.end();
  };
  const deliver = (packet: Buffer): PassThrough | undefined => {
    const isOutput = packet[0] === STDOUT_MARK || packet[0] === STDERR_MARK;
    const target = packet[0] === STDERR_MARK && stderr !== null ? stderr : stdout;
    const isWanted = isOutput && !target.writableEnded;
    return isWanted && !target.write(packet.subarray(1)) ? target : undefined;
  };
  const fd = connectSeqPacket(bundle, 'attach');
  const accepted = whenAccepted(fd).catch(() => undefined);
  const connection = new Connection(fd, deliver, end);
  return {
    accepted,
    stdout,
    stderr,
    stdin: wishes.stdin ? packetWriter(connection.socket, wishes.tty) : null,
    detach: () => {
      connection.close();
      end();
    },
  };
}

/**
 * Reads a socket to its very end. Node gives a socket up at its first error, but two errors come before the end: a
 * write that fails because the process has closed its input while its output goes on, and the reset that the kernel
 * tells before the packets that still wait when conmon left with input unread.
 */
class Connection {
  /** Where input is written. */
  readonly socket: Socket;
  readonly #deliver: (packet: Buffer) => PassThrough | undefined;
  readonly #end: () => void;
  #current: Socket;
  #isClosed = false;

  /** `deliver` answers a stream that must drain before more is read, if any. */
  constructor(fd: number, deliver: (packet: Buffer) => PassThrough | undefined, end: () => void) {
    this.#deliver = deliver;
    this.#end = end;
    this.socket = this.#read(fd);
    this.#current = this.socket;
  }

  close(): void {
    this.#isClosed = true;
    this.#current.destroy();
  }

  #read(fd: number): Socket {
    const spare = duplicate(fd);
    const socket = wrapDescriptor(fd);
    let isContinued = false;
    socket.on('data', (packet: Buffer) => {
      const full = this.#deliver(packet);
      if (full !== undefined) {
        socket.pause();
        full.once('drain', () => socket.resume());
      }
    });
    socket.on('end', this.#end);
    socket.on('error', () => {
      const { packets, isOpen } = packetsLeft(spare);
      for (const packet of packets) {
        this.#deliver(packet);
      }
      if (isOpen && !this.#isClosed) {
        isContinued = true;
        this.#current = this.#read(duplicate(spare));
      }
    });
    socket.on('close', () => {
      closeSync(spare);
      if (!isContinued) {
        this.#end();
      }
    });
    return socket;
  }
}

/** What waits in a socket, bounded by its buffer, and whether more may come. */
function packetsLeft(fd: number): { readonly packets: readonly Buffer[]; readonly isOpen: boolean } {
  const packets: Buffer[] = [];
  const buffer = Buffer.alloc(2 * PACKET_BYTES_MAX);
  let hasReset = false;
  for (;;) {
    try {
      const length = readSync(fd, buffer);
      if (length === 0) {
        return { packets, isOpen: false };
      }
      packets.push(Buffer.from(buffer.subarray(0, length)));
    } catch (error: unknown) {
      // A reset is told once, by whichever call comes first.
      const isFirstReset = !hasReset && isErrno(error, 'ECONNRESET');
      if (!isFirstReset) {
        return { packets, isOpen: isErrno(error, 'EAGAIN') };
      }
      hasReset = true;
    }
  }
}

/** Cuts input into packets that conmon takes whole; ending it closes the process's input, but never a terminal's. */
function packetWriter(socket: Socket, tty: boolean): Writable {
  const send = (packet: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      socket.write(packet, (error) => {
        if (error === undefined || error === null) {
          resolve();
        } else {
          reject(new SwarmError('unavailable', 'the container has closed its input', { cause: error }));
        }
      });
    });
  const writer = new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _encoding, callback) {
      (async () => {
        for (let offset = 0; offset < chunk.length; offset += PACKET_BYTES_MAX) {
          await send(chunk.subarray(offset, offset + PACKET_BYTES_MAX));
        }
      })().then(
        () => {
          callback();
        },
        (error: unknown) => {
          callback(error instanceof Error ? error : new Error(String(error)));
        },
      );
    },
    final(callback) {
      if (tty) {
        callback();
      } else {
        socket.end(() => {
          callback();
        });
      }
    },
  });
  // The process may close its input early; that is its right. Writers learn it from their callbacks.
  writer.on('error', () => undefined);
  return writer;
}
