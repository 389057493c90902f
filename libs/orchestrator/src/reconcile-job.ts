import type { Node, Task } from '@skep/model';

import { fillNodes } from './reconcile-global.ts';
import { slotsByNode, slotsByNumber, type Slot } from './slot.ts';
import { keepUpSlot } from './slot-upkeep.ts';
import { startWaiting } from './start-waiting.ts';
import { emptyPlan, type ReconcileInput, type TaskPlan } from './task-plan.ts';

/** Tasks of the current run; those of earlier runs are made to go. */
function tasksOfRun(input: ReconcileInput, plan: TaskPlan): Task[] {
  const iteration = input.service.jobIteration ?? 0;
  const own: Task[] = [];
  for (const task of input.tasks) {
    if ((task.jobIteration ?? 0) === iteration) {
      own.push(task);
    } else if (task.desiredState !== 'remove') {
      plan.stop.push({ taskId: task.id, desiredState: 'remove' });
    }
  }
  return own;
}

const hasCompleted = (slot: Slot): boolean => slot.tasks.some((task) => task.status.state === 'complete');

/**
 * What a replicated job needs: `totalCompletions` slots that each complete once, at most `maxConcurrent` at a time. A
 * task that fails is made anew in its slot by the restart policy; a slot that gave up is not filled again.
 */
export function reconcileReplicatedJob(input: ReconcileInput): TaskPlan {
  const plan = emptyPlan();
  const { mode } = input.service.spec;
  if (mode.type !== 'replicated-job') {
    return plan;
  }
  const taken = new Set<number>();
  let active = 0;
  for (const slot of slotsByNumber(tasksOfRun(input, plan))) {
    const upkeep = keepUpSlot(slot, input, plan);
    startWaiting(upkeep.facts, { service: input.service, nowMs: input.nowMs, plan });
    if (upkeep.isOccupied || hasCompleted(slot)) {
      taken.add(slot.slot);
    }
    if (upkeep.made !== undefined || upkeep.facts.current.length + upkeep.facts.outdated.length > 0) {
      active += 1;
    }
  }
  const room = Math.min(mode.maxConcurrent - active, mode.totalCompletions - taken.size);
  let slot = 0;
  for (let made = 0; made < Math.min(room, input.createMax); made += 1) {
    do {
      slot += 1;
    } while (taken.has(slot));
    taken.add(slot);
    plan.create.push({ slot, desiredState: 'running' });
  }
  if (room > input.createMax) {
    plan.hasMore = true;
  }
  return plan;
}

/** What a global job needs: on each eligible node one task that completes. */
export function reconcileGlobalJob(input: ReconcileInput & { readonly nodes: readonly Node[] }): TaskPlan {
  const plan = emptyPlan();
  const filled = new Set<string>();
  const slots = slotsByNode(tasksOfRun(input, plan));
  for (const slot of slots) {
    const upkeep = keepUpSlot(slot, input, plan);
    startWaiting(upkeep.facts, { service: input.service, nowMs: input.nowMs, plan });
    if (upkeep.isOccupied || hasCompleted(slot)) {
      filled.add(slot.key);
    }
  }
  fillNodes(input, { plan, slots, filled });
  return plan;
}
