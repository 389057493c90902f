import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

import { SwarmError } from '@skep/kernel';

import { runChild } from './child.ts';
import { toKernelState } from './kernel-object.ts';
import type { KernelObject, KernelState } from './kernel-object.ts';
import type { Naming } from './naming.ts';
import { parseListings } from './parse-ip.ts';
import type { IpListings } from './parse-ip.ts';
import type { Ipv6Facts } from './plan-input.ts';

const LISTINGS = 'address show\nroute show table all\nrule show\nneigh show nud permanent\n';

/** Asks the kernel for all listings, with two child processes. */
export async function observeListings(): Promise<IpListings> {
  const [ip, bridge] = await Promise.all([
    runChild({ command: 'ip', args: ['-d', '-j', '-batch', '-'], input: LISTINGS }),
    runChild({ command: 'bridge', args: ['-j', 'fdb', 'show'] }),
  ]);
  if (ip.exitCode !== 0 || bridge.exitCode !== 0) {
    throw new SwarmError(
      'unavailable',
      `the kernel's networks cannot be listed: ${ip.stderr.trim()} ${bridge.stderr.trim()}`,
    );
  }
  const [addresses, routes, rules, neighbours] = ip.stdout.split('\n');
  return {
    addresses: addresses ?? '',
    routes: routes ?? '',
    rules: rules ?? '',
    neighbours: neighbours ?? '',
    fdb: bridge.stdout,
  };
}

/** What was seen at one look at the kernel. */
export interface Observation {
  /** What is ours, plus the present value of each kernel parameter that was asked for. */
  readonly kernel: KernelState;
  readonly listings: IpListings;
  /** Base chains of all nft tables, as `nft -j list chains` prints them. */
  readonly chains: string;
}

/** Looks at the kernel: our objects, and the parameters that are in `wanted`. */
export async function observeKernel(naming: Naming, wanted: KernelState): Promise<Observation> {
  const [listings, chains] = await Promise.all([
    observeListings(),
    runChild({ command: 'nft', args: ['-j', 'list', 'chains'] }),
  ]);
  const sysctls = await Promise.all(
    [...wanted.values()].map(async (object): Promise<KernelObject | undefined> => {
      if (object.kind !== 'sysctl') {
        return undefined;
      }
      const value = await readSysctl(object.path);
      return value === undefined ? undefined : { ...object, value };
    }),
  );
  const objects = [...parseListings(naming, listings), ...sysctls.filter((object) => object !== undefined)];
  return { kernel: toKernelState(objects), listings, chains: chains.exitCode === 0 ? chains.stdout : '' };
}

/**
 * Why this host cannot do IPv6, or undefined when it can. Synchronous: /proc/sys/net and /proc/net show the namespace of
 * the thread that opens them.
 */
export function ipv6Obstacle(): string | undefined {
  if (!existsSync('/proc/net/if_inet6')) {
    return 'the kernel of this host has no IPv6; create the network without --ipv6';
  }
  return readSysctlNow('ipv6/conf/all/disable_ipv6') === '1'
    ? 'IPv6 is disabled on this host (net.ipv6.conf.all.disable_ipv6 is 1); enable it, or create the network without --ipv6'
    : undefined;
}

/** What the plan has to know of IPv6 on this host; undefined when it has none. */
export function observeIpv6(devices: readonly string[]): Ipv6Facts | undefined {
  if (ipv6Obstacle() !== undefined) {
    return undefined;
  }
  const isListener = (device: string): boolean =>
    readSysctlNow(`ipv6/conf/${device}/accept_ra`) === '1' &&
    readSysctlNow(`ipv6/conf/${device}/forwarding`) === '0';
  return { advertisedDevices: devices.filter((device) => !device.includes('/') && isListener(device)) };
}

function readSysctlNow(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/net/${path}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Value of a parameter below /proc/sys/net; undefined when the kernel has no such one. */
export async function readSysctl(path: string): Promise<string | undefined> {
  try {
    return (await readFile(`/proc/sys/net/${path}`, 'utf8')).trim();
  } catch {
    return undefined;
  }
}

/** Whether a table (`ip skep`) exists, and if so its text without counters and handles. */
export async function observeNftTable(table: string): Promise<string | undefined> {
  const result = await runChild({ command: 'nft', args: ['-s', '-n', 'list', 'table', ...table.split(' ')] });
  return result.exitCode === 0 ? result.stdout : undefined;
}
