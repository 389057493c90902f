import { SwarmError } from '@skep/kernel';
import { isAlive, type ContainerRecord } from './container-record.ts';
import type { ContainerStore } from './container-store.ts';
import type { HostsEntry, NetworkAttachment } from './network-provider.ts';

/** `name` or `name:alias`, as `--link` and compose files write it. */
export function parseLink(text: string): { readonly target: string; readonly alias: string } {
  const [target = '', alias = target, ...more] = text.split(':');
  if (target === '' || alias === '' || more.length > 0) {
    throw new SwarmError('invalid_argument', `bad format for links: ${text.slice(0, 80)}`);
  }
  return { target: target.replace(/^\//, ''), alias: alias.split('/').at(-1) ?? alias };
}

/** Refuses links to containers that do not exist, when a container is made. */
export function checkLinks(containers: ContainerStore, attachments: readonly NetworkAttachment[]): void {
  for (const text of attachments.flatMap(({ links = [] }) => links)) {
    const { target } = parseLink(text);
    if (containers.lookUp(target) === undefined) {
      throw new SwarmError(
        'invalid_argument',
        `could not get container for ${target}: No such container: ${target}`,
      );
    }
  }
}

/**
 * Lines of `/etc/hosts` for what a container is linked to, as of its start. On a network of the user's own a target that
 * does not run is left out: its name is found by DNS once it does. On the default bridge it is an error, as in Docker.
 */
export function linkedHosts(containers: ContainerStore, record: ContainerRecord): readonly HostsEntry[] {
  const attachments = record.config.network?.attachments ?? [];
  return attachments.flatMap(({ network, links = [] }) =>
    links.flatMap((text) => {
      const { target, alias } = parseLink(text);
      const other = containers.lookUp(target)?.record;
      const place = other?.network?.prepared.interfaces.find(
        (each) => each.networkName === network || each.networkId === network,
      );
      const address = place?.ipv4Address?.split('/')[0];
      if (other === undefined || address === undefined || !isAlive(other.state.status)) {
        if (network === 'bridge') {
          throw new SwarmError(
            'failed_precondition',
            `Cannot link to a non running container: /${target} AS /${record.name}/${alias}`,
            { details: { dockerStatus: 409 } },
          );
        }
        return [];
      }
      return [{ address, names: [...new Set([alias, other.effective.hostname, other.name])] }];
    }),
  );
}
