import { SwarmError, isSwarmError } from '@skep/kernel';

import type { TransportProtocol } from '../engine/network-provider.ts';
import { parseIp, requireIp } from './ip-prefix.ts';
import { ERRNO, closeFd, openSocket } from './libc.ts';
import type { SocketRequest } from './libc.ts';
import { LoopbackRelay } from './loopback-relay.ts';
import type { RelayTarget } from './loopback-relay.ts';

export interface PortRequest {
  readonly owner: string;
  readonly protocol: TransportProtocol;
  /** `0.0.0.0`, `::`: every address of the host of that family. The port is the same on all of these addresses. */
  readonly hostAddresses: readonly string[];
  /** First and last port that may be taken; 0: any free one. */
  readonly first: number;
  readonly last: number;
  /** Where connections to ::1 are carried to; they cannot be translated. */
  readonly relayTo?: (port: number, hostAddress: string) => RelayTarget | undefined;
}

interface Held {
  readonly owner: string;
  readonly hostAddress: string;
  readonly close: () => void;
}

const EVERY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];
/** Published addresses that connections to ::1 may mean. */
const LOOPBACK_ADDRESSES: readonly string[] = ['::', '::1'];

/** Ports that are given when the user leaves the choice, as in Docker: the kernel's ephemeral range. */
const CHOSEN_FIRST = 32_768;
const CHOSEN_LAST = 60_999;

/**
 * Ports of the host that are published. Each is held by a bound socket that never listens: packets that are not
 * translated are refused by the kernel, no other process can take the port, and one that already has it is noticed.
 */
export class HostPorts {
  readonly #held = new Map<string, Held[]>();
  #next = CHOSEN_FIRST;

  /**
   * Takes one port for `owner`.
   * @throws SwarmError `already_exists` when all wanted ports are taken, `invalid_argument` for a foreign address.
   */
  take(request: PortRequest): number {
    for (const address of request.hostAddresses.filter((one) => parseIp(one) === undefined)) {
      throw new SwarmError('invalid_argument', `port publication: ${address.slice(0, 80)} is no IP address`);
    }
    if (request.first === 0) {
      return this.#takeAny(request);
    }
    for (let port = request.first; port <= request.last; port += 1) {
      if (this.#tryTake(request, port)) {
        return port;
      }
    }
    throw new SwarmError(
      'already_exists',
      `Bind for ${shown(request.hostAddresses[0] ?? '')}:${String(request.last)} failed: port is already allocated`,
      { details: { dockerStatus: 500, port: request.last } },
    );
  }

  /** Gives back everything `owner` holds. Idempotent. */
  release(owner: string): void {
    for (const [key, list] of this.#held) {
      const kept = list.filter((held) => held.owner !== owner);
      for (const held of list) {
        if (held.owner === owner) {
          held.close();
        }
      }
      if (kept.length === 0) {
        this.#held.delete(key);
      } else {
        this.#held.set(key, kept);
      }
    }
  }

  /**
   * Makes `owner` hold exactly these ports on every address (`tcp/8080`).
   * Answers those that a process of this host or another owner has.
   */
  holdExactly(owner: string, wanted: ReadonlySet<string>): Set<string> {
    for (const [key, list] of this.#held) {
      const mine = list.find((held) => held.owner === owner);
      if (mine !== undefined && !wanted.has(key)) {
        mine.close();
        this.#held.set(
          key,
          list.filter((held) => held !== mine),
        );
      }
    }
    const refused = new Set<string>();
    for (const key of wanted) {
      const isMine = this.#held.get(key)?.some((held) => held.owner === owner) ?? false;
      const [protocol, port] = key.split('/');
      const request = { owner, hostAddresses: ['0.0.0.0'], first: Number(port), last: Number(port) };
      if (!isMine && !this.#tryTake({ ...request, protocol: protocol as TransportProtocol }, Number(port))) {
        refused.add(key);
      }
    }
    return refused;
  }

  close(): void {
    for (const held of [...this.#held.values()].flat()) {
      held.close();
    }
    this.#held.clear();
  }

  #takeAny(request: PortRequest): number {
    for (let tries = 0; tries <= CHOSEN_LAST - CHOSEN_FIRST; tries += 1) {
      const port = this.#next;
      this.#next = port >= CHOSEN_LAST ? CHOSEN_FIRST : port + 1;
      if (this.#tryTake(request, port)) {
        return port;
      }
    }
    throw new SwarmError('resource_exhausted', 'no free port is left on this host; unpublish some');
  }

  /** All addresses or none. */
  #tryTake(request: PortRequest, port: number): boolean {
    const key = `${request.protocol}/${String(port)}`;
    const list = this.#held.get(key) ?? [];
    if (request.hostAddresses.some((address) => list.some((held) => clashes(held.hostAddress, address)))) {
      return false;
    }
    const made: Held[] = [];
    const undo = (): void => {
      made.forEach((held) => {
        held.close();
      });
    };
    try {
      for (const hostAddress of request.hostAddresses) {
        const close = hold(request, hostAddress, port);
        if (close === undefined) {
          undo();
          return false;
        }
        made.push({ owner: request.owner, hostAddress, close });
      }
    } catch (error) {
      undo();
      throw error;
    }
    this.#held.set(key, [...list, ...made]);
    return true;
  }
}

/** Whether two addresses cannot have the same port: they are the same, or one is all of the other's family. */
function clashes(a: string, b: string): boolean {
  return (
    parseIp(a)?.family === parseIp(b)?.family &&
    (a === b || EVERY_ADDRESS.includes(a) || EVERY_ADDRESS.includes(b))
  );
}

/** Takes a port on one address and answers how to give it back, or undefined when another process has it. */
function hold(request: PortRequest, hostAddress: string, port: number): (() => void) | undefined {
  const { protocol, relayTo } = request;
  const isRelayed = protocol === 'tcp' && relayTo !== undefined && LOOPBACK_ADDRESSES.includes(hostAddress);
  if (!isRelayed) {
    const fd = bindPort({ protocol, hostAddress, port });
    return fd === undefined
      ? undefined
      : () => {
          closeFd(fd);
        };
  }
  const fd = tryOpen({ protocol, hostAddress, port, mode: 'serve' });
  if (fd === undefined) {
    return undefined;
  }
  const relay = new LoopbackRelay(fd, () => relayTo(port, hostAddress));
  return () => {
    relay.close();
  };
}

interface Binding {
  readonly protocol: TransportProtocol;
  readonly hostAddress: string;
  readonly port: number;
}

/** A bound socket, or undefined when another process has the port. */
function bindPort(binding: Binding): number | undefined {
  // A connection of a former owner that is still closing (TIME_WAIT) is no reason to refuse.
  return (
    tryOpen({ ...binding, mode: 'hold' }) ??
    (binding.protocol === 'udp' ? undefined : tryOpen({ ...binding, mode: 'hold-shared' }))
  );
}

function tryOpen(binding: Binding & Pick<SocketRequest, 'mode'>): number | undefined {
  const { hostAddress, ...request } = binding;
  try {
    return openSocket({ ...request, address: requireIp(hostAddress) });
  } catch (error) {
    if (errnoOf(error) === ERRNO.EADDRNOTAVAIL) {
      throw new SwarmError(
        'invalid_argument',
        `port publication: ${hostAddress} is not an address of this host`,
        { cause: error },
      );
    }
    if (errnoOf(error) === ERRNO.EADDRINUSE) {
      return undefined;
    }
    throw error;
  }
}

function shown(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function errnoOf(error: unknown): unknown {
  return isSwarmError(error) ? error.details['errno'] : undefined;
}
