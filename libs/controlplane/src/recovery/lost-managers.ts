import type { Node } from '@skep/model';
import type { WriteTx } from '@skep/store';

/**
 * Makes workers of all managers but this one: their part in the Raft group is over. Their hosts take the new role by
 * themselves when they come back, and can then be promoted like any other.
 */
export function demoteLostManagers(tx: WriteTx, keptNodeId: string): readonly Node[] {
  const lost = tx.list('node').filter(({ id, spec }) => id !== keptNodeId && spec.role === 'manager');
  for (const { id, spec } of lost) {
    tx.patch('node', id, { manager: undefined, spec: { ...spec, role: 'worker' } });
  }
  return lost;
}
