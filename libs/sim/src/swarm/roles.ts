import { wantedRole } from '@skep/controlplane/parts';
import type { NodeRole } from '@skep/model';

import type { SimHost } from './sim-host.ts';
import type { SwarmWorld } from './swarm-world.ts';

const RETRY_MS = 1_000;

/** A host was told what it should be: it asks the leader for a certificate that says so, and becomes what that says. */
export function followRole(world: SwarmWorld, host: SimHost, wanted: NodeRole): void {
  if (host.role === wanted) {
    return;
  }
  host.agent.process.after(1 + world.random.nextInt(50), () => {
    const leader = world.hosts.find(
      ({ number, manager }) =>
        manager.plane?.isLeading === true &&
        !manager.process.isPaused &&
        !world.network.isCut(host.number, number) &&
        !world.network.isCut(number, host.number),
    );
    const node = leader?.manager.plane?.replica.store.view().get('node', host.nodeId);
    if (node !== undefined) {
      takeRole(world, host, wantedRole(node));
    }
    if (host.role !== wanted && node?.spec.role !== host.role) {
      host.agent.process.after(RETRY_MS, () => {
        followRole(world, host, wanted);
      });
    }
  });
}

function takeRole(world: SwarmWorld, host: SimHost, role: NodeRole): void {
  if (host.role === role) {
    return;
  }
  host.role = role;
  world.trace.note(world.queue.nowMs, role, host.number);
  if (role === 'manager') {
    host.manager.start();
  } else {
    world.connections.died(host.manager.process, true);
    host.manager.discard();
  }
}

/** A user promotes or demotes a node, by whoever believes to lead. */
export async function changeRole(world: SwarmWorld): Promise<void> {
  const leader = world.anyLeader();
  const host = world.random.pick(world.hosts);
  const managers = world.hosts.filter(({ role }) => role === 'manager').length;
  const isDemotion = host.role === 'manager' && (managers > 3 || world.random.chance(0.5));
  if (leader === undefined || (host.role === 'manager') !== isDemotion) {
    return;
  }
  await world.requests.asUser((context) =>
    isDemotion ? leader.nodes.demote(context, host.nodeId) : leader.nodes.promote(context, host.nodeId),
  );
}
