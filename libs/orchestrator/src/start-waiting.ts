import { effectiveStopGraceNs, type Service } from '@skep/model';

import { isAlive, type SlotFacts } from './slot.ts';
import { STOP_WAIT_EXTRA_MS } from './slot-upkeep.ts';
import { wakeAt, type TaskPlan } from './task-plan.ts';

/**
 * Starts tasks that are prepared and waiting: when their restart delay is over and the task before them in the slot
 * has stopped. A predecessor that does not stop is waited for no longer than its grace period and a minute.
 */
export function startWaiting(
  facts: SlotFacts,
  context: { readonly service: Service; readonly nowMs: number; readonly plan: TaskPlan },
): void {
  const { service, nowMs, plan } = context;
  for (const task of [...facts.current, ...facts.outdated]) {
    if (task.desiredState !== 'ready' || !isAlive(task)) {
      continue;
    }
    const startAfterMs = task.startAfterMs ?? 0;
    if (startAfterMs > nowMs) {
      wakeAt(plan, startAfterMs);
      continue;
    }
    const patienceMs = effectiveStopGraceNs(service.spec.task.container) / 1e6 + STOP_WAIT_EXTRA_MS;
    const waitEndMs = Math.max(task.createdAtMs, startAfterMs) + patienceMs;
    if (facts.stopping.length > 0 && nowMs < waitEndMs) {
      wakeAt(plan, waitEndMs);
      continue;
    }
    plan.start.push(task.id);
  }
}
