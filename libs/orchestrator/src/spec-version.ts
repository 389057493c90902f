import type { Service } from '@skep/model';
import type { ReadTx } from '@skep/store';

/**
 * A spec version greater than every one the service has had. Each rollout, a rollback too, gets its own: a task with
 * exactly this version was made by it.
 */
export function nextSpecVersion(tx: ReadTx, service?: Service): number {
  return Math.max(tx.logIndex, service?.specVersion ?? 0, service?.previousSpecVersion ?? 0) + 1;
}
