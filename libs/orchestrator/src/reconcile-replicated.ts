import type { Service, Task } from '@skep/model';

import { isRunning, slotsByNumber, stoppingTasks, type Slot } from './slot.ts';
import { keepUpSlot, type Upkeep } from './slot-upkeep.ts';
import { startWaiting } from './start-waiting.ts';
import { emptyPlan, type ReconcileInput, type TaskPlan } from './task-plan.ts';
import { planUpdate } from './update-plan.ts';

/**
 * What a replicated service needs: as many filled slots as it has replicas, each with one task of the current spec.
 * Pure: equal input gives an equal plan.
 */
export function reconcileReplicated(input: ReconcileInput): TaskPlan {
  const plan = emptyPlan();
  const slots = slotsByNumber(input.tasks);
  const kept: Upkeep[] = [];
  const vacant: Slot[] = [];
  for (const slot of slots) {
    const upkeep = keepUpSlot(slot, input, plan);
    if (upkeep.isOccupied) {
      kept.push(upkeep);
    } else {
      vacant.push(slot);
    }
  }
  const replicas = replicasOf(input.service);
  const staying = kept.length > replicas ? scaleDown(kept, replicas, plan) : kept;
  if (staying.length < replicas) {
    scaleUp({ input, plan, staying, vacant, count: replicas - staying.length });
  }
  const facts = staying.map((upkeep) => upkeep.facts);
  for (const slot of facts) {
    startWaiting(slot, { service: input.service, nowMs: input.nowMs, plan });
  }
  planUpdate(input.service, facts, { nowMs: input.nowMs, plan });
  return plan;
}

function replicasOf(service: Service): number {
  return service.spec.mode.type === 'replicated' ? service.spec.mode.replicas : 0;
}

interface ScaleUp {
  readonly input: ReconcileInput;
  readonly plan: TaskPlan;
  readonly staying: readonly Upkeep[];
  readonly vacant: readonly Slot[];
  readonly count: number;
}

/** New tasks in the lowest slot numbers that are free; where an old one still stops, the new one waits for it. */
function scaleUp({ input, plan, staying, vacant, count }: ScaleUp): void {
  const taken = new Set(staying.map(({ facts }) => facts.slot.slot));
  const stopping = new Set(
    vacant.filter((slot) => stoppingTasks(slot, input.node).some(isKept)).map(({ slot }) => slot),
  );
  const room = Math.min(count, input.createMax);
  let slot = 0;
  for (let made = 0; made < room; made += 1) {
    do {
      slot += 1;
    } while (taken.has(slot));
    taken.add(slot);
    plan.create.push({ slot, desiredState: stopping.has(slot) ? 'ready' : 'running' });
  }
  if (room < count) {
    plan.hasMore = true;
  }
}

/** A task that stops but was not taken away with its slot. */
const isKept = (task: Task): boolean => task.desiredState === 'shutdown';

/**
 * Takes away slots that do not serve first, then those on the nodes that have most of the service, so that what stays
 * is spread; then the highest numbers.
 */
function scaleDown(slots: readonly Upkeep[], replicas: number, plan: TaskPlan): Upkeep[] {
  const countByNode = new Map<string, number>();
  const ranked = [...slots]
    .sort((a, b) => a.facts.slot.slot - b.facts.slot.slot)
    .map((upkeep) => {
      const runner = [...upkeep.facts.current, ...upkeep.facts.outdated].find(isRunning);
      const nodeId = runner?.nodeId ?? '';
      const place = (countByNode.get(nodeId) ?? 0) + 1;
      countByNode.set(nodeId, place);
      return { upkeep, isRunning: runner !== undefined, place };
    })
    .sort(
      (a, b) =>
        Number(b.isRunning) - Number(a.isRunning) ||
        a.place - b.place ||
        a.upkeep.facts.slot.slot - b.upkeep.facts.slot.slot,
    );
  const surplus = new Set(ranked.slice(replicas).map(({ upkeep }) => upkeep.facts.slot));
  const made = new Set(slots.filter(({ facts }) => surplus.has(facts.slot)).map((upkeep) => upkeep.made));
  plan.create.splice(0, plan.create.length, ...plan.create.filter((task) => !made.has(task)));
  for (const slot of surplus) {
    removeSlot(slot, plan);
  }
  return ranked.slice(0, replicas).map(({ upkeep }) => upkeep);
}

/** Makes all tasks of a slot go away, its history too. */
export function removeSlot(slot: Slot, plan: TaskPlan): void {
  for (const task of slot.tasks) {
    const planned = plan.stop.findIndex(({ taskId }) => taskId === task.id);
    if (planned !== -1) {
      plan.stop.splice(planned, 1);
    }
    if (task.desiredState !== 'remove') {
      plan.stop.push({ taskId: task.id, desiredState: 'remove' });
    }
  }
}
