import { createHash } from 'node:crypto';

import type { FieldProblem, Plan, PlanAction } from '@skep/contract';
import { specChange, type StackChange, type WriteTx } from '@skep/controlplane';
import type { Config, Network, Secret, Service } from '@skep/model';

import { fieldChanges } from '../common/diff.ts';

/** An object of a stack before or after a change. */
export type PlannedObject = Service | Network | Secret | Config;

export interface ObjectChange {
  readonly kind: StackChange['kind'];
  readonly op: StackChange['op'];
  readonly id: string;
  readonly name: string;
  readonly before: PlannedObject | undefined;
  readonly after: PlannedObject | undefined;
}

/** What a change would do to one object, and to the tasks of a service. */
export function toPlanAction(tx: WriteTx, change: ObjectChange): PlanAction {
  const { kind, id, name, before, after } = change;
  const changes =
    change.op === 'remove' ? [] : fieldChanges(readableSpec(tx, before), readableSpec(tx, after));
  const tasks =
    kind === 'service'
      ? taskImpact(tx, before as Service | undefined, change.op === 'remove' ? undefined : (after as Service))
      : NO_TASKS;
  return {
    kind,
    op: change.op === 'none' ? 'keep' : change.op,
    name,
    ...(before === undefined ? {} : { id }),
    changes: change.op === 'create' ? [] : changes,
    ...tasks,
  };
}

/** The spec with names in place of ids: new objects get other ids at each rehearsal, and people read names. */
function readableSpec(tx: WriteTx, object: PlannedObject | undefined): unknown {
  if (object === undefined || !('task' in object.spec)) {
    return object?.spec;
  }
  const { task } = object.spec;
  const { secrets, configs, ...container } = task.container;
  return {
    ...object.spec,
    task: {
      ...task,
      container: {
        ...container,
        ...(secrets === undefined ? {} : { secrets: secrets.map(({ secretId: _id, ...rest }) => rest) }),
        ...(configs === undefined ? {} : { configs: configs.map(({ configId: _id, ...rest }) => rest) }),
      },
      ...(task.networks === undefined
        ? {}
        : {
            networks: task.networks.map((network) => ({
              ...network,
              target: tx.get('network', network.target)?.spec.name ?? network.target,
            })),
          }),
    },
  };
}

interface TaskImpact {
  readonly tasksStarted: number;
  readonly tasksRestarted: number;
  readonly tasksStopped: number;
}

const NO_TASKS: TaskImpact = { tasksStarted: 0, tasksRestarted: 0, tasksStopped: 0 };

function taskImpact(tx: WriteTx, before: Service | undefined, after: Service | undefined): TaskImpact {
  const had = before === undefined ? 0 : wantedTasks(tx, before);
  const has = after === undefined ? 0 : wantedTasks(tx, after);
  const isReplaced =
    before !== undefined && after !== undefined && specChange(before.spec, after.spec) === 'replace';
  return {
    tasksStarted: Math.max(0, has - had),
    tasksRestarted: isReplaced ? Math.min(had, has) : 0,
    tasksStopped: Math.max(0, had - has),
  };
}

/** Tasks that a service keeps running; for global services one on each node that takes tasks. */
function wantedTasks(tx: WriteTx, { spec }: Service): number {
  const { mode } = spec;
  switch (mode.type) {
    case 'replicated':
      return mode.replicas;
    case 'replicated-job':
      return Math.min(mode.maxConcurrent, mode.totalCompletions);
    case 'global':
    case 'global-job':
      return tx.list('node').filter((node) => node.spec.availability === 'active').length;
  }
}

export interface PlanParts {
  readonly baseRev: number;
  readonly actions: readonly PlanAction[];
  readonly warnings?: readonly FieldProblem[];
  readonly blockers?: readonly FieldProblem[];
}

/** A plan with its impact. Its id is a digest of what would happen, so it needs no memory and holds on every manager. */
export function toPlan(parts: PlanParts): Plan {
  const { baseRev, actions, warnings = [], blockers = [] } = parts;
  const sum = (key: keyof TaskImpact): number => actions.reduce((total, action) => total + action[key], 0);
  return {
    planId: createHash('sha256').update(JSON.stringify(actions)).digest('hex').slice(0, 32),
    baseRev,
    actions: [...actions],
    warnings: [...warnings],
    blockers: [...blockers],
    impact: {
      tasksStarted: sum('tasksStarted'),
      tasksRestarted: sum('tasksRestarted'),
      tasksStopped: sum('tasksStopped'),
    },
  };
}
