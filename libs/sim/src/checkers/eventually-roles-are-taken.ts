import type { SimHost } from '../swarm/sim-host.ts';
import type { SimManager } from '../swarm/sim-manager.ts';

/**
 * eventually_rolesAreTaken: each host is what the users want it to be: a voter of the group, once, with the process that
 * votes; or nothing of the kind. Answers the first that is not.
 */
export function roleNotTaken(hosts: readonly SimHost[], leader: SimManager): string | undefined {
  const tx = leader.replica.store.view();
  for (const { nodeId, role, manager } of hosts) {
    const wanted = tx.get('node', nodeId)?.spec.role;
    const members = leader.members.filter((member) => member.nodeId === nodeId);
    const seats = members.map((member) => `${member.role} ${String(member.raftId)}`).join(', ');
    const runs = manager.process.isUp ? String(manager.member?.raftId) : 'nothing';
    const expected = wanted === 'manager' ? `voter ${runs}` : '';
    if (role !== wanted || seats !== expected || manager.process.isUp !== (wanted === 'manager')) {
      return `${nodeId} is to be ${String(wanted)}, has a certificate as ${role}, runs ${runs}, and is in the group as: ${seats}`;
    }
  }
  return undefined;
}
