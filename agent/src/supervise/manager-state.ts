import { SwarmError } from '@skep/kernel';

import type { NodeState } from '../worker/identity-store.ts';
import type { NodeAddresses } from './address.ts';
import type { ManagerOrigin } from './manager-process.ts';

const PORT = /:(\d+)$/;

/** Address of this host's own manager, for its worker. */
export function ownManagerAddress({
  advertiseAddr,
  listenAddr,
}: Pick<NodeState, 'advertiseAddr' | 'listenAddr'>): string {
  return `${advertiseAddr}:${PORT.exec(listenAddr)?.[1] ?? '2377'}`;
}

/**
 * The state of a manager host that goes on as the only manager.
 * @throws SwarmError `failed_precondition` on a worker, which has nothing to go on from.
 */
export function soleManagerState(state: NodeState, addresses: Partial<NodeAddresses>): NodeState {
  if (state.role !== 'manager') {
    throw new SwarmError(
      'failed_precondition',
      'this node is a worker: it holds no state of the cluster. Run it on a manager host, or restore a backup: swarm restore',
    );
  }
  const next: NodeState = { ...state, ...addresses, managerOrigin: { kind: 'force' } };
  return { ...next, managers: [{ nodeId: state.nodeId, addr: ownManagerAddress(next) }] };
}

/** How the manager of this host has to be started. */
export function originOf({ managerOrigin }: NodeState): ManagerOrigin {
  if (managerOrigin === undefined) {
    return { kind: 'run' };
  }
  return managerOrigin.kind === 'join' ? { kind: 'join', managers: managerOrigin.addrs } : managerOrigin;
}
