import { compareTaskStates, isTerminalState, type Node, type Service, type Task } from '@skep/model';

import { isTaskCurrent } from './spec-change.ts';

/** One place of a service that a task fills: a slot of a replicated service, or a node of a global one. */
export interface Slot {
  readonly key: string;
  readonly slot: number;
  readonly nodeId?: string;
  /** Newest first. */
  readonly tasks: readonly Task[];
}

/** Whether the control plane wants the task to run, now or later. */
export function isWanted(task: Task): boolean {
  return compareTaskStates(task.desiredState, 'running') <= 0;
}

/** Whether the task's container may still be there. */
export function isAlive(task: Task): boolean {
  return !isTerminalState(task.status.state);
}

export const isRunning = (task: Task): boolean => task.status.state === 'running';

/** Total order, newest first. */
export function byNewest(a: Task, b: Task): number {
  return b.createdAtMs - a.createdAtMs || b.version - a.version || (a.id < b.id ? -1 : 1);
}

/** Tasks by slot number, in the order of the numbers. */
export function slotsByNumber(tasks: readonly Task[]): Slot[] {
  return group(tasks, (task) => String(task.slot))
    .map(([key, members]) => ({ key, slot: members[0]?.slot ?? 0, tasks: members }))
    .sort((a, b) => a.slot - b.slot);
}

/** Tasks by node, in the order of node ids. */
export function slotsByNode(tasks: readonly Task[]): Slot[] {
  return group(tasks, (task) => task.nodeId ?? '')
    .map(([key, members]) => ({ key, slot: 0, nodeId: key, tasks: members }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

function group(tasks: readonly Task[], keyOf: (task: Task) => string): [string, Task[]][] {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = keyOf(task);
    const members = groups.get(key);
    if (members === undefined) {
      groups.set(key, [task]);
    } else {
      members.push(task);
    }
  }
  for (const members of groups.values()) {
    if (members.length > 1) {
      members.sort(byNewest);
    }
  }
  return [...groups];
}

/** The facts about a slot that update and start decisions need. */
export interface SlotFacts {
  readonly slot: Slot;
  /** Wanted tasks made from what the service wants now. */
  readonly current: readonly Task[];
  /** Wanted tasks made from an older (or, on the way back, newer) spec. */
  readonly outdated: readonly Task[];
  /** Tasks told to stop that have not ended, on nodes that are there to say so. */
  readonly stopping: readonly Task[];
  /** A new task for the slot is part of the plan. */
  readonly hasSuccessor: boolean;
  /** The last task ended and its place is not to be filled again by the restart policy. */
  readonly isFinished: boolean;
}

/** Whether a node can be heard: a task on any other cannot report its end. */
export function isNodeReachable(node: Node | undefined): boolean {
  return node !== undefined && node.status.state !== 'down';
}

/** Tasks of a slot that were told to stop and will say so when they have. */
export function stoppingTasks(slot: Slot, node: (id: string) => Node | undefined): Task[] {
  return slot.tasks.filter(
    (task) =>
      !isWanted(task) && isAlive(task) && task.nodeId !== undefined && isNodeReachable(node(task.nodeId)),
  );
}

export function slotFacts(
  slot: Slot,
  input: {
    readonly service: Service;
    readonly wanted: readonly Task[];
    readonly hasSuccessor: boolean;
    readonly isFinished: boolean;
    readonly node: (id: string) => Node | undefined;
  },
): SlotFacts {
  return {
    slot,
    current: input.wanted.filter((task) => isTaskCurrent(input.service, task)),
    outdated: input.wanted.filter((task) => !isTaskCurrent(input.service, task)),
    stopping: stoppingTasks(slot, input.node),
    hasSuccessor: input.hasSuccessor,
    isFinished: input.isFinished,
  };
}
