import type { GenericResource } from '@skep/model';

import type { Demand } from './demand.ts';
import type { Explanation } from './explain.ts';
import type { NodeInfo } from './node-info.ts';
import type { NodeSet } from './node-set.ts';
import { Pipeline } from './pipeline.ts';
import { SpreadTree } from './spread.ts';

export interface Placed {
  readonly taskId: string;
  readonly nodeId: string;
  readonly generic: readonly GenericResource[];
}

export interface GroupResult {
  readonly placed: readonly Placed[];
  /** Tasks for which there is no node, in the order given. */
  readonly unplaced: readonly string[];
  /** Why; there when a task was left over. */
  readonly explanation?: Explanation;
}

/**
 * Finds nodes for tasks that all ask the same. Nodes are filtered once for the group; then each task goes to the best
 * one, which costs the logarithm of their number. Placements are booked in `nodes` at once.
 */
export function scheduleGroup(
  nodes: NodeSet,
  demand: Demand,
  taskIds: readonly string[],
  nowMs: number,
): GroupResult {
  const pipeline = new Pipeline(demand);
  const candidates: NodeInfo[] = [];
  for (const info of nodes.all()) {
    if (pipeline.accept(info)) {
      candidates.push(info);
    }
  }
  const { serviceId, spread } = demand;
  const tree = new SpreadTree(candidates, { serviceId, spread, nowMs });
  const placed: Placed[] = [];
  for (const taskId of taskIds) {
    let generic: readonly GenericResource[] = [];
    const info = tree.take((best) => {
      generic = nodes.place(taskId, best, demand);
      return pipeline.stillAccepts(best);
    });
    if (info === undefined) {
      return { placed, unplaced: taskIds.slice(placed.length), explanation: pipeline.explain() };
    }
    placed.push({ taskId, nodeId: info.id, generic });
  }
  return { placed, unplaced: [] };
}

/** Checks a task whose node is given (global services) against that node alone. */
export function schedulePreassigned(
  nodes: NodeSet,
  demand: Demand,
  task: { readonly id: string; readonly nodeId: string },
): GroupResult {
  const info = nodes.get(task.nodeId);
  const pipeline = new Pipeline(demand);
  if (info === undefined || !pipeline.accept(info)) {
    return { placed: [], unplaced: [task.id], explanation: pipeline.explain() };
  }
  return {
    placed: [{ taskId: task.id, nodeId: info.id, generic: nodes.place(task.id, info, demand) }],
    unplaced: [],
  };
}
