import { TASK_STATE_ORDER } from '@skep/model';
import type { StoreEvent } from '@skep/store';

import { Violation } from './violation.ts';

/** anytime_taskOnlyMovesOn: neither a task's state nor what is wanted of it goes back, and it never changes its node. */
export function checkTaskMoves(events: readonly StoreEvent[]): void {
  for (const event of events) {
    if (event.kind !== 'task' || event.old === undefined || event.new === undefined) {
      continue;
    }
    const [before, after] = [event.old, event.new];
    const fail = (what: string): never => {
      throw new Violation('anytime_taskOnlyMovesOn', `task ${after.id} ${what}`);
    };
    if (TASK_STATE_ORDER[after.status.state] < TASK_STATE_ORDER[before.status.state]) {
      fail(`went back from ${before.status.state} to ${after.status.state}`);
    }
    if (TASK_STATE_ORDER[after.desiredState] < TASK_STATE_ORDER[before.desiredState]) {
      fail(`is wanted ${after.desiredState} after ${before.desiredState}`);
    }
    if (before.nodeId !== undefined && before.nodeId !== after.nodeId) {
      fail(`moved from ${before.nodeId} to ${String(after.nodeId)}`);
    }
  }
}
