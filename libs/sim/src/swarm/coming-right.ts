import { notConverged } from '../checkers/eventually-services-converge.ts';
import { leftOver } from '../checkers/finally-nothing-leaked.ts';
import { Violation } from '../checkers/violation.ts';
import type { SimHost } from './sim-host.ts';
import type { SimManager } from './sim-manager.ts';

const LEAK = 'leak: ';
/** Entries that a manager may be behind the leader, whose loops go on writing. */
const BEHIND_MAX = 20;

/** What is not yet as it should be once the faults have stopped; undefined when all is. */
export function problemOf(hosts: readonly SimHost[]): string | undefined {
  const planes = hosts.map(({ manager }) => manager.plane).filter((plane) => plane !== undefined);
  const leader = planes.find(({ isLeading }) => isLeading);
  if (leader === undefined || planes.filter(({ isLeading }) => isLeading).length > 1) {
    return 'there is not one leader';
  }
  const misplaced = hosts.find((host) => !hasItsRole(host, leader));
  if (misplaced !== undefined) {
    return `${misplaced.nodeId} is not (only) what it should be, ${String(leader.replica.store.view().get('node', misplaced.nodeId)?.spec.role)}`;
  }
  if (planes.some(({ logIndex }) => logIndex + BEHIND_MAX < leader.logIndex)) {
    return 'a manager is far behind';
  }
  const away = hosts.find(
    ({ agent, nodeId }) => !agent.isConnected || !leader.connectedNodeIds.includes(nodeId),
  );
  if (away !== undefined) {
    return `${away.nodeId} has no session`;
  }
  const tx = leader.replica.store.view();
  const wrong = notConverged(tx);
  if (wrong !== undefined) {
    return wrong;
  }
  const left = leftOver(tx, new Map(hosts.map(({ nodeId, agent }) => [nodeId, agent.engine])));
  return left === undefined ? undefined : `${LEAK}${left}`;
}

/** Whether a host is what the users want it to be: a voter of the group with its process, or nothing of the kind. */
function hasItsRole({ nodeId, role, manager }: SimHost, leader: SimManager): boolean {
  const wanted = leader.replica.store.view().get('node', nodeId)?.spec.role;
  const members = leader.members.filter((member) => member.nodeId === nodeId);
  if (wanted === 'worker') {
    return role === 'worker' && members.length === 0 && !manager.process.isUp;
  }
  const [member] = members;
  return (
    role === 'manager' &&
    members.length === 1 &&
    member?.role === 'voter' &&
    manager.member?.isUp === true &&
    manager.member.raftId === member.raftId
  );
}

/** The failure of a cluster that did not come right in time, with its tasks. */
export function notComeRight(hosts: readonly SimHost[], afterMs: number): Violation {
  const problem = problemOf(hosts) ?? 'the last change of the users was not acknowledged';
  const leader = hosts.map(({ manager }) => manager.plane).find((plane) => plane?.isLeading === true);
  const tasks = (leader?.replica.store.view().list('task') ?? []).map(
    ({ id, serviceName, slot, nodeId, desiredState, status }) =>
      `${serviceName}.${String(slot)} ${id.slice(0, 6)} ${nodeId ?? '-'} ${desiredState}/${status.state} ${status.err ?? ''}`,
  );
  const managers = hosts.map(({ nodeId, role, manager }) => {
    const status = manager.member?.node?.status();
    const at =
      status === undefined
        ? 'down'
        : `${status.role} term ${String(status.term)} commit ${String(status.commit)}`;
    const members = JSON.stringify(status?.membership.voters ?? []);
    return `${nodeId} ${role} raft ${String(manager.member?.raftId)} ${at} applied ${String(manager.plane?.logIndex)} voters ${members}`;
  });
  const property = problem.startsWith(LEAK) ? 'finally_nothingLeaked' : 'eventually_servicesConverge';
  return new Violation(
    property,
    `${problem} after ${String(afterMs)} ms of calm\n${[...managers, ...tasks].join('\n')}`,
  );
}
