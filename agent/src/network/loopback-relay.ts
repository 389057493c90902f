import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

/** Where a published port leads. */
export interface RelayTarget {
  readonly address: string;
  readonly port: number;
}

/** A port that everybody of the host asks must not take all descriptors of this process. */
const CONNECTIONS_MAX = 256;

/**
 * Serves a published TCP port at ::1. Packets of ::1 may not leave the loopback device, and IPv6 has no parameter that
 * would allow it, so its connections are carried by this process. All others are translated by the kernel and never
 * come here.
 */
export class LoopbackRelay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: () => RelayTarget | undefined;

  /** @param fd a listening socket, which is closed with the relay. */
  constructor(fd: number, target: () => RelayTarget | undefined) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      this.#carry(near);
    });
    this.#server.on('error', () => {
      this.close();
    });
    this.#server.listen({ fd });
    this.#server.unref();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #carry(near: Socket): void {
    const target = this.#target();
    if (target === undefined || this.#sockets.size >= 2 * CONNECTIONS_MAX) {
      near.destroy();
      return;
    }
    const far = connect({ host: target.address, port: target.port, allowHalfOpen: true });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.once('close', () => {
        this.#sockets.delete(one);
        other.destroySoon();
      });
    }
  }
}
