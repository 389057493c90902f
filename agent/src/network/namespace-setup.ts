import { writeFileSync } from 'node:fs';

import { SwarmError } from '@skep/kernel';

import { runChild } from './child.ts';
import type { ChildResult } from './child.ts';
import type { DnsSockets } from './dns-server.ts';
import { requireIp } from './ip-prefix.ts';
import type { IpFamily } from './ip-prefix.ts';
import { closeFd, openSocket } from './libc.ts';
import { EMBEDDED_DNS_ADDRESS } from './resolv-conf.ts';

/** Parameters of each new namespace, as Docker sets them: any user may bind low ports and ping. */
const NAMESPACE_SYSCTLS: readonly (readonly [string, string])[] = [
  ['ipv6/conf/default/disable_ipv6', '1'],
  ['ipv4/ip_unprivileged_port_start', '0'],
  ['ipv4/ping_group_range', '0 2147483647'],
];

/** Sets the parameters of the namespace the calling thread is in. */
export function setNamespaceSysctls(): void {
  for (const [path, value] of NAMESPACE_SYSCTLS) {
    try {
      writeFileSync(`/proc/sys/net/${path}`, value);
    } catch {
      // A kernel without this parameter (IPv6 left out) has nothing to set.
    }
  }
}

/** Sets parameters below /proc/sys/net of the namespace the calling thread is in; one that is missing is an error. */
export function setSysctls(sysctls: readonly (readonly [path: string, value: string])[]): void {
  for (const [path, value] of sysctls) {
    writeFileSync(`/proc/sys/net/${path}`, value);
  }
}

/** Opens the sockets of the embedded DNS in the namespace the calling thread is in. */
export function openDnsSockets(): DnsSockets {
  const address = requireIp(EMBEDDED_DNS_ADDRESS);
  const udp = openSocket({ protocol: 'udp', address, port: 53, mode: 'serve' });
  try {
    return { udp, tcp: openSocket({ protocol: 'tcp', address, port: 53, mode: 'serve' }) };
  } catch (error) {
    closeFd(udp);
    throw error;
  }
}

/** Runs `ip -batch` in the namespace the calling thread is in at the call; it ends at the first refusal. */
export function runIpBatch(family: IpFamily, lines: readonly string[]): Promise<ChildResult> {
  const option = `-${String(family)}`;
  return runChild({ command: 'ip', args: [option, '-batch', '-'], input: `${lines.join('\n')}\n` });
}

/** @throws SwarmError `unavailable` with the words of iproute2 when it refused a line. */
export function requireSuccess(result: ChildResult, containerName: string): void {
  if (result.exitCode !== 0) {
    throw new SwarmError(
      'unavailable',
      `the network of container ${containerName} could not be made: ${result.stderr.trim().slice(0, 500)}`,
    );
  }
}
