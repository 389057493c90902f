import { finishBootstrap, type Bootstrap } from '../bootstrap.ts';
import type { ControlPlane } from '../control-plane-api.ts';
import type { ControlPlaneOptions } from '../control-plane-options.ts';
import { finishForcedStart } from './forced-start.ts';

/** What is left to do once Raft runs, for a manager that began a group: a new one, a restored one, a forced one. */
export async function finishStart(
  manager: Pick<ControlPlane, 'nodeId' | 'status' | 'view' | 'update'>,
  options: Pick<ControlPlaneOptions, 'origin' | 'advertiseAddr' | 'raftDir' | 'log'> & {
    readonly bootstrap: Bootstrap | undefined;
    readonly newId: () => string;
  },
): Promise<void> {
  const { origin, bootstrap } = options;
  if (origin.kind === 'forceNewCluster') {
    await finishForcedStart(manager, options);
  }
  if (bootstrap !== undefined && (origin.kind === 'bootstrap' || origin.kind === 'restore')) {
    await finishBootstrap(manager, { ...options, ...bootstrap });
  }
}
