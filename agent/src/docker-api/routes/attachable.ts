import { SwarmError, isSwarmError } from '@skep/kernel';

import type { ContainerConfig } from '../../engine/container-config.ts';
import type { DockerApiContext } from '../context.ts';

const BUILT_IN = ['bridge', 'host', 'none'];

/**
 * Refuses a container on a network of the swarm: outside any service it would need an address from the managers, and
 * that is not done yet. A network that nobody knows is no error here: the start says so, as in Docker, whose clients
 * take "not found" at creation for a missing image and pull it.
 * @throws SwarmError `unimplemented`.
 */
export async function checkAttachments(
  context: DockerApiContext,
  { network }: Pick<ContainerConfig, 'network'>,
): Promise<void> {
  const names = [network?.mode ?? 'bridge', ...(network?.attachments ?? []).map((one) => one.network)];
  for (const name of names) {
    if (!BUILT_IN.includes(name) && !name.startsWith('container:')) {
      await checkAttachment(context, name);
    }
  }
}

/** As {@link checkAttachments}, for one network. */
export async function checkAttachment(context: DockerApiContext, name: string): Promise<void> {
  if (await isOfSwarm(context, name)) {
    throw new SwarmError(
      'unimplemented',
      `network ${name} belongs to the swarm: attaching a single container to it is not supported yet; ` +
        'run it as a service, or use a bridge network',
    );
  }
}

/**
 * Refuses to connect or disconnect what shares its network with somebody, or has none, in Docker's words.
 * @throws SwarmError `permission_denied`.
 */
export async function checkMembership(
  { engine, networks }: DockerApiContext,
  change: { readonly network: string; readonly container: string },
): Promise<void> {
  const { mode = 'bridge' } = (await engine.containers.inspect(change.container)).config.network ?? {};
  const driver = networks.listNetworks().find(({ name, id }) => [name, id].includes(change.network))?.driver;
  const refuse = (reason: string): SwarmError => new SwarmError('permission_denied', reason);
  if (driver === 'host') {
    throw refuse('container cannot be disconnected from host network or connected to host network');
  }
  if (driver === 'null' || mode === 'none') {
    throw refuse(
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    );
  }
  if (mode === 'host' || mode.startsWith('container:')) {
    throw refuse(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  }
}

async function isOfSwarm({ networks, node, swarm }: DockerApiContext, name: string): Promise<boolean> {
  try {
    return networks.inspectNetwork(name).scope === 'swarm';
  } catch (error) {
    if (!isSwarmError(error, 'not_found')) {
      throw error;
    }
  }
  const { state, isManager } = await node.info();
  if (state !== 'active' || !isManager) {
    return false;
  }
  try {
    await swarm.getNetwork(name);
    return true;
  } catch (error) {
    if (isSwarmError(error, 'not_found')) {
      return false;
    }
    throw error;
  }
}
