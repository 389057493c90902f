import type { Logger } from 'pino';

import type { ControlPlane } from '../control-plane-api.ts';
import { demoteLostManagers } from './lost-managers.ts';
import { untilLeading } from './until-leading.ts';

/**
 * The second half of a forced new cluster, once the log holds one member: the lost managers become workers. Does
 * nothing when an earlier start has done it.
 */
export async function finishForcedStart(
  manager: Pick<ControlPlane, 'nodeId' | 'status' | 'view' | 'update'>,
  options: { readonly newId: () => string; readonly log: Logger },
): Promise<void> {
  await untilLeading(manager);
  const hasLost = manager.view((tx) =>
    tx.list('node').some(({ id, spec }) => id !== manager.nodeId && spec.role === 'manager'),
  );
  if (!hasLost) {
    return;
  }
  const { value } = await manager.update(
    {
      actor: { name: 'system', from: manager.nodeId, via: 'system' },
      requestId: options.newId(),
      audit: (names: string) => ({
        action: 'cluster.force-new',
        target: { kind: 'cluster' },
        detail: `managers given up: ${names}`,
      }),
    },
    (tx) =>
      demoteLostManagers(tx, manager.nodeId)
        .map(({ id, description }) => description?.hostname ?? id)
        .join(', '),
  );
  options.log.warn({ givenUp: value }, 'this manager goes on alone; the others were given up');
}
