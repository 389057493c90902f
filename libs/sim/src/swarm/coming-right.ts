import { roleNotTaken } from '../checkers/eventually-roles-are-taken.ts';
import { notConverged } from '../checkers/eventually-services-converge.ts';
import { leftOver } from '../checkers/finally-nothing-leaked.ts';
import { Violation } from '../checkers/violation.ts';
import type { SimHost } from './sim-host.ts';

/** Entries that a manager may be behind the leader, whose loops go on writing. */
const BEHIND_MAX = 20;

/** Something that is not yet as it should be, and the property that it breaks should it stay so. */
export interface Problem {
  readonly property: string;
  readonly text: string;
}

const notYet = (text: string): Problem => ({ property: 'eventually_servicesConverge', text });

/** What is not yet as it should be once the faults have stopped; undefined when all is. */
export function problemOf(hosts: readonly SimHost[]): Problem | undefined {
  const planes = hosts.map(({ manager }) => manager.plane).filter((plane) => plane !== undefined);
  const leader = planes.find(({ isLeading }) => isLeading);
  if (leader === undefined || planes.filter(({ isLeading }) => isLeading).length > 1) {
    return notYet('there is not one leader');
  }
  const misplaced = roleNotTaken(hosts, leader);
  if (misplaced !== undefined) {
    return { property: 'eventually_rolesAreTaken', text: misplaced };
  }
  if (planes.some(({ logIndex }) => logIndex + BEHIND_MAX < leader.logIndex)) {
    return notYet('a manager is far behind');
  }
  const away = hosts.find(
    ({ agent, nodeId }) => !agent.isConnected || !leader.connectedNodeIds.includes(nodeId),
  );
  if (away !== undefined) {
    return notYet(`${away.nodeId} has no session`);
  }
  const tx = leader.replica.store.view();
  const wrong = notConverged(tx);
  if (wrong !== undefined) {
    return notYet(wrong);
  }
  const left = leftOver(tx, new Map(hosts.map(({ nodeId, agent }) => [nodeId, agent.engine])));
  return left === undefined ? undefined : { property: 'finally_nothingLeaked', text: left };
}

/** The failure of a cluster that did not come right in time, with its tasks. */
export function notComeRight(hosts: readonly SimHost[], afterMs: number): Violation {
  const problem = problemOf(hosts) ?? notYet('the last change of the users was not acknowledged');
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
  return new Violation(
    problem.property,
    `${problem.text} after ${String(afterMs)} ms of calm\n${[...managers, ...tasks].join('\n')}`,
  );
}
