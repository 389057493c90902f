import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

import { SwarmError } from '@skep/kernel';

interface HostAddress {
  readonly iface: string;
  readonly address: string;
}

/** Bridges and tunnels that engines make are no way to reach a host. */
const OWN_INTERFACE = /^(docker|br-|veth|skep|vx|sk)/;

function hostAddresses(): HostAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([iface, addresses]) =>
    OWN_INTERFACE.test(iface)
      ? []
      : (addresses ?? [])
          .filter(({ family, internal, scopeid }) => family === 'IPv4' && !internal && (scopeid ?? 0) === 0)
          .map(({ address }) => ({ iface, address })),
  );
}

/** Splits a port off `host:port`; a bare address or interface has none. */
function withoutPort(text: string): string {
  const match = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? /^([^:]+):\d+$/.exec(text);
  return match?.[1] ?? text;
}

/**
 * The address that an IP address or the name of an interface (either with a port, which is ignored) stands for; with
 * nothing given the only one this host has.
 * @throws SwarmError `invalid_argument` with Swarm's words when there is none or more than one.
 */
export function resolveAddress(
  given: string | undefined,
  flag: '--advertise-addr' | '--data-path-addr',
): string {
  const addresses = hostAddresses();
  if (given === undefined || given === '') {
    const [first, second] = addresses;
    if (first === undefined) {
      throw new SwarmError(
        'invalid_argument',
        `could not find the system's IP address - specify one with ${flag}`,
      );
    }
    if (second !== undefined) {
      throw new SwarmError(
        'invalid_argument',
        'could not choose an IP address to advertise since this system has multiple addresses on different interfaces ' +
          `(${first.address} on ${first.iface} and ${second.address} on ${second.iface}) - specify one with ${flag}`,
      );
    }
    return first.address;
  }
  const host = withoutPort(given);
  if (isIP(host) !== 0) {
    if (host === '0.0.0.0' || host === '::') {
      throw new SwarmError(
        'invalid_argument',
        `${flag} must be a non-zero IP address or network interface (with optional port number)`,
      );
    }
    return host;
  }
  const own = addresses.filter(({ iface }) => iface === host);
  if (own.length !== 1) {
    const reason = own.length === 0 ? 'has no IPv4 address' : 'has more than one IPv4 address';
    throw new SwarmError('invalid_argument', `${flag}: interface ${host} ${reason}; give an IP address`);
  }
  return own[0]?.address ?? host;
}

/** `host:port` for a manager; 2377 when no port is given. */
export function managerAddress(text: string): string {
  if (/^\[[^\]]+\]:\d+$/.test(text) || /^[^:]+:\d+$/.test(text)) {
    return text;
  }
  return isIP(text) === 6 ? `[${text}]:2377` : `${text}:2377`;
}

/** Addresses that init and join may be given; empty counts as not given. */
export interface WantedAddresses {
  readonly advertiseAddr?: string;
  readonly dataPathAddr?: string;
  readonly listenAddr?: string;
}

/** Addresses of a node that is part of a swarm. */
export interface NodeAddresses {
  readonly advertiseAddr: string;
  readonly dataPathAddr?: string;
  readonly listenAddr: string;
}

/** What was asked for, else what swarmd was started with, else what this host has. */
export function chooseAddresses(
  wanted: WantedAddresses,
  defaults: {
    readonly defaultAdvertiseAddr: string | undefined;
    readonly defaultDataPathAddr: string | undefined;
    readonly listenAddr: string;
  },
): NodeAddresses {
  const given = (text: string | undefined): string | undefined => (text === '' ? undefined : text);
  const dataPath = given(wanted.dataPathAddr) ?? given(defaults.defaultDataPathAddr);
  const listen = given(wanted.listenAddr);
  return {
    advertiseAddr: resolveAddress(
      given(wanted.advertiseAddr) ?? defaults.defaultAdvertiseAddr,
      '--advertise-addr',
    ),
    ...(dataPath === undefined ? {} : { dataPathAddr: resolveAddress(dataPath, '--data-path-addr') }),
    listenAddr: listen === undefined ? defaults.listenAddr : managerAddress(listen),
  };
}
