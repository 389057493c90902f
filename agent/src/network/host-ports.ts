import { SwarmError, isSwarmError } from '@skep/kernel';

import type { TransportProtocol } from '../engine/network-provider.ts';
import { parseIpv4 } from './ipv4.ts';
import { ERRNO, closeFd, openSocket } from './libc.ts';

export interface PortRequest {
  readonly owner: string;
  readonly protocol: TransportProtocol;
  /** `0.0.0.0`: every address of the host. */
  readonly hostAddress: string;
  /** First and last port that may be taken; 0: any free one. */
  readonly first: number;
  readonly last: number;
}

interface Held {
  readonly owner: string;
  readonly hostAddress: string;
  readonly fd: number;
}

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
    if (parseIpv4(request.hostAddress) === undefined) {
      throw new SwarmError(
        'invalid_argument',
        `port publication: host address ${request.hostAddress} is no IPv4 address; only IPv4 is supported`,
      );
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
      `Bind for ${request.hostAddress}:${String(request.last)} failed: port is already allocated`,
      { details: { dockerStatus: 500, port: request.last } },
    );
  }

  /** Gives back everything `owner` holds. Idempotent. */
  release(owner: string): void {
    for (const [key, list] of this.#held) {
      const kept = list.filter((held) => held.owner !== owner);
      for (const held of list) {
        if (held.owner === owner && held.fd >= 0) {
          closeFd(held.fd);
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
        closeFd(mine.fd);
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
      const request = { owner, hostAddress: '0.0.0.0', first: Number(port), last: Number(port) };
      if (!isMine && !this.#tryTake({ ...request, protocol: protocol as TransportProtocol }, Number(port))) {
        refused.add(key);
      }
    }
    return refused;
  }

  close(): void {
    for (const held of [...this.#held.values()].flat()) {
      closeFd(held.fd);
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

  #tryTake(request: PortRequest, port: number): boolean {
    const key = `${request.protocol}/${String(port)}`;
    const list = this.#held.get(key) ?? [];
    const isAny = request.hostAddress === '0.0.0.0';
    if (
      list.some((held) => isAny || held.hostAddress === '0.0.0.0' || held.hostAddress === request.hostAddress)
    ) {
      return false;
    }
    const fd = bindPort(request, port);
    if (fd === undefined) {
      return false;
    }
    this.#held.set(key, [...list, { owner: request.owner, hostAddress: request.hostAddress, fd }]);
    return true;
  }
}

/** A bound socket, or undefined when another process has the port. */
function bindPort(request: PortRequest, port: number): number | undefined {
  const address = parseIpv4(request.hostAddress) ?? 0;
  const { protocol } = request;
  try {
    return openSocket({ protocol, address, port, mode: 'hold' });
  } catch (error) {
    if (errnoOf(error) === ERRNO.EADDRNOTAVAIL) {
      throw new SwarmError(
        'invalid_argument',
        `port publication: ${request.hostAddress} is not an address of this host`,
        { cause: error },
      );
    }
    if (errnoOf(error) !== ERRNO.EADDRINUSE) {
      throw error;
    }
  }
  if (protocol === 'udp') {
    return undefined;
  }
  try {
    // A connection of a former owner that is still closing (TIME_WAIT) is no reason to refuse.
    return openSocket({ protocol, address, port, mode: 'hold-shared' });
  } catch (error) {
    if (errnoOf(error) === ERRNO.EADDRINUSE) {
      return undefined;
    }
    throw error;
  }
}

function errnoOf(error: unknown): unknown {
  return isSwarmError(error) ? error.details['errno'] : undefined;
}
