import { SwarmError, errorMessage, fromErrorRecord, type ErrorRecord } from '@skep/kernel';
import { decodeFrame, encodeFrame } from '@skep/wire';
import type { Logger } from 'pino';

import type { ForwardedAnswer, ForwardedRequest } from '../control-plane-api.ts';
import type { Channel } from '../transport/channel.ts';
import { FORWARD_BODY_BYTES_MAX, LeaderMessage, type FollowerMessage } from './channel-messages.ts';

const REQUEST_TIMEOUT_MS = 30_000;
/** Requests on their way to the leader at one time. */
const REQUESTS_MAX = 2_000;
const RETRY_MS = 250;

/** Where the leader is, as this follower knows it. */
export interface LeaderAddress {
  readonly nodeId: string;
  readonly addr: string;
}

export interface LeaderLinkPorts {
  readonly log: Logger;
  dial(leader: LeaderAddress): Promise<Channel>;
  /** Address of this manager's API, which the leader is told. */
  readonly apiUrl: string | undefined;
  /** The leader says that this manager's state is not that of the others. */
  diverged(logIndex: number, digest: string): void;
}

interface PendingRequest {
  readonly resolve: (answer: ForwardedAnswer) => void;
  readonly reject: (error: SwarmError) => void;
  readonly timer: NodeJS.Timeout;
}

/** A follower's standing connection to the leader: forwarded API requests, and what the leader must know of it. */
export class LeaderLink {
  readonly #ports: LeaderLinkPorts;
  readonly #pending = new Map<number, PendingRequest>();
  #leader: LeaderAddress | undefined;
  #channel: Channel | undefined;
  #dialling: Promise<Channel> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #nextId = 1;
  #isStopped = false;

  constructor(ports: LeaderLinkPorts) {
    this.#ports = ports;
  }

  /** Follows the leader; undefined while there is none or this manager is it. */
  setLeader(leader: LeaderAddress | undefined): void {
    if (leader?.nodeId === this.#leader?.nodeId && leader?.addr === this.#leader?.addr) {
      return;
    }
    this.#leader = leader;
    this.#drop('the leader changed');
    if (leader !== undefined) {
      this.#connectInBackground();
    }
  }

  sendDigest(logIndex: number, digest: string): void {
    this.#channel?.send(encodeFrame({ t: 'digest', logIndex, digest } satisfies FollowerMessage));
  }

  /**
   * Sends a request to the leader of `term`, which carries it out in that term or not at all.
   * @throws SwarmError `unavailable` (`details.isSent` is false when the leader cannot have seen the request, so that it
   *   may be sent again, and true when its outcome is unknown), `deadline_exceeded`, `too_large`, `resource_exhausted`.
   */
  async forward(request: ForwardedRequest, term: number): Promise<ForwardedAnswer> {
    if ((request.body?.byteLength ?? 0) > FORWARD_BODY_BYTES_MAX) {
      throw new SwarmError('too_large', 'the request body is over 10 MiB');
    }
    if (this.#pending.size >= REQUESTS_MAX) {
      throw new SwarmError('resource_exhausted', 'too many requests wait for the leader; try again');
    }
    const channel = await this.#connect().catch((error: unknown) => {
      throw new SwarmError('unavailable', errorMessage(error), { cause: error, details: { isSent: false } });
    });
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(
          new SwarmError(
            'deadline_exceeded',
            'the leader did not answer within 30 s; the change may still come',
          ),
        );
      }, REQUEST_TIMEOUT_MS);
      this.#pending.set(id, { resolve, reject, timer });
      const { method, path, headers, body, principal } = request;
      channel.send(
        encodeFrame({
          t: 'request',
          id,
          term,
          method,
          path,
          headers: { ...headers },
          ...(body === undefined ? {} : { body }),
          ...(principal === undefined ? {} : { principal }),
        } satisfies FollowerMessage),
      );
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#leader = undefined;
    this.#drop('this manager stops');
  }

  #drop(reason: string): void {
    clearTimeout(this.#retry);
    const channel = this.#channel;
    this.#channel = undefined;
    this.#dialling = undefined;
    channel?.close(1000, reason);
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(
        new SwarmError(
          'unavailable',
          `the answer of the leader is unknown: ${reason}; read the state and try again`,
          { details: { isSent: true } },
        ),
      );
    }
    this.#pending.clear();
  }

  #connectInBackground(): void {
    this.#connect().catch((error: unknown) => {
      if (this.#leader !== undefined && !this.#isStopped) {
        this.#ports.log.debug(
          { leader: this.#leader.addr, err: errorMessage(error) },
          'leader was not reached',
        );
        this.#retry = setTimeout(() => {
          this.#connectInBackground();
        }, RETRY_MS);
      }
    });
  }

  async #connect(): Promise<Channel> {
    const leader = this.#leader;
    if (leader === undefined) {
      throw new SwarmError('unavailable', 'no leader is known right now; try again in a moment');
    }
    if (this.#channel?.isOpen === true) {
      return this.#channel;
    }
    this.#dialling ??= this.#dial(leader).finally(() => {
      this.#dialling = undefined;
    });
    return this.#dialling;
  }

  async #dial(leader: LeaderAddress): Promise<Channel> {
    const channel = await this.#ports.dial(leader);
    if (this.#leader !== leader) {
      channel.close();
      throw new SwarmError('unavailable', 'the leader changed meanwhile; try again');
    }
    this.#channel = channel;
    channel.onFrame((frame) => {
      this.#receive(channel, frame);
    });
    channel.onClose(() => {
      if (this.#channel === channel) {
        this.#drop('the connection to the leader was lost');
        this.#retry = setTimeout(() => {
          if (this.#leader !== undefined) {
            this.#connectInBackground();
          }
        }, RETRY_MS);
      }
    });
    const { apiUrl } = this.#ports;
    const announcement: FollowerMessage = { t: 'announce', ...(apiUrl === undefined ? {} : { apiUrl }) };
    channel.send(encodeFrame(announcement));
    return channel;
  }

  #receive(channel: Channel, frame: Uint8Array): void {
    try {
      const message = decodeFrame(LeaderMessage, frame);
      if (message.t === 'diverged') {
        this.#ports.diverged(message.logIndex, message.digest);
        return;
      }
      const pending = this.#pending.get(message.id);
      if (pending === undefined) {
        return;
      }
      this.#pending.delete(message.id);
      clearTimeout(pending.timer);
      if (message.t === 'error') {
        pending.reject(fromErrorRecord(message.error as ErrorRecord));
      } else {
        pending.resolve({ status: message.status, headers: message.headers, body: message.body });
      }
    } catch (error) {
      this.#ports.log.error({ err: errorMessage(error) }, 'frame of the leader was refused');
      channel.close(1008, 'frame refused');
    }
  }
}
