import { SwarmError } from '@skep/kernel';

import { errnoName } from '../process/errno.ts';
import { closeFd, openRouteSocket, receiveNow, sendBlocking } from './libc.ts';
import { decodeAnswers, encodeBatch } from './netlink.ts';
import type { NetlinkAnswer, NetlinkRequest } from './netlink.ts';

const DATAGRAM_BYTES = 64 * 1024;

/** The kernel's answers to batches all wait behind its one lock for networks: more than one thread would only wait. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * A socket to the kernel's networks. It speaks for the namespace in which its maker's thread was when it was opened,
 * wherever that thread is later.
 */
export class RouteSocket {
  readonly #fd: number;
  #sequence = 1;

  constructor() {
    this.#fd = openRouteSocket();
  }

  /**
   * Does all requests in their order, in a thread of their own: the kernel may hold its lock for long when it ends
   * other namespaces. @throws SwarmError `unavailable` that names the first refused one; those behind it were tried too.
   */
  async request(requests: readonly NetlinkRequest[]): Promise<void> {
    const first = this.#sequence;
    this.#sequence += requests.length;
    const sent = turn.then(() => sendBlocking(this.#fd, encodeBatch(requests, first)));
    turn = sent.catch(() => undefined);
    await sent;
    const failure = this.#answers(requests.length).find((answer) => answer.errno !== 0);
    if (failure !== undefined) {
      const what = requests[failure.sequence - first]?.what ?? 'do a request';
      throw new SwarmError('unavailable', `the kernel did not ${what} (${errnoName(failure.errno)})`, {
        details: { errno: failure.errno },
      });
    }
  }

  close(): void {
    closeFd(this.#fd);
  }

  /** All answers wait when a batch has been sent: the kernel works in the sender's thread. */
  #answers(count: number): NetlinkAnswer[] {
    const answers: NetlinkAnswer[] = [];
    const buffer = Buffer.alloc(DATAGRAM_BYTES);
    while (answers.length < count) {
      const length = receiveNow(this.#fd, buffer);
      if (length <= 0) {
        throw new SwarmError('unavailable', 'the kernel did not answer all requests for a network');
      }
      answers.push(...decodeAnswers(buffer.subarray(0, length)));
    }
    return answers;
  }
}
