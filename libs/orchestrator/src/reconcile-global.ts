import { matchesConstraint, type Node, type Service } from '@skep/model';

import { constraintSubject, constraintsOf } from './node-fitness.ts';
import { slotsByNode, stoppingTasks, type Slot } from './slot.ts';
import { keepUpSlot, type Upkeep } from './slot-upkeep.ts';
import { startWaiting } from './start-waiting.ts';
import { emptyPlan, type ReconcileInput, type TaskPlan } from './task-plan.ts';
import { planUpdate } from './update-plan.ts';

/** Nodes on which a global service starts a task: ready, active, and allowed by its constraints; in order of id. */
function eligibleNodes(service: Service, nodes: readonly Node[]): Node[] {
  const constraints = constraintsOf(service.spec.task.placement);
  return nodes
    .filter(
      (node) =>
        node.status.state === 'ready' &&
        node.spec.availability === 'active' &&
        (constraints.length === 0 ||
          constraints.every((constraint) => matchesConstraint(constraint, constraintSubject(node)))),
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** A task for each eligible node that has none; where an old one still stops, the new one waits for it. */
export function fillNodes(
  input: ReconcileInput & { readonly nodes: readonly Node[] },
  context: {
    readonly plan: TaskPlan;
    readonly slots: readonly Slot[];
    readonly filled: ReadonlySet<string>;
  },
): void {
  const { plan, slots, filled } = context;
  const empty = eligibleNodes(input.service, input.nodes).filter(({ id }) => !filled.has(id));
  for (const { id } of empty.slice(0, input.createMax)) {
    const slot = slots.find(({ key }) => key === id);
    const hasToWait = slot !== undefined && stoppingTasks(slot, input.node).length > 0;
    plan.create.push({ slot: 0, nodeId: id, desiredState: hasToWait ? 'ready' : 'running' });
  }
  if (empty.length > input.createMax) {
    plan.hasMore = true;
  }
}

/** What a global service needs: one task of the current spec on each eligible node. */
export function reconcileGlobal(input: ReconcileInput & { readonly nodes: readonly Node[] }): TaskPlan {
  const plan = emptyPlan();
  const kept: Upkeep[] = [];
  const filled = new Set<string>();
  const slots = slotsByNode(input.tasks);
  for (const slot of slots) {
    const upkeep = keepUpSlot(slot, input, plan);
    if (upkeep.isOccupied) {
      kept.push(upkeep);
      filled.add(slot.key);
    }
  }
  fillNodes(input, { plan, slots, filled });
  for (const { facts } of kept) {
    startWaiting(facts, { service: input.service, nowMs: input.nowMs, plan });
  }
  planUpdate(
    input.service,
    kept.map(({ facts }) => facts),
    { nowMs: input.nowMs, plan },
  );
  return plan;
}
