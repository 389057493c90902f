import { assertNever } from '@skep/kernel';
import type { Node } from '@skep/model';

import { reconcileGlobal } from './reconcile-global.ts';
import { reconcileGlobalJob, reconcileReplicatedJob } from './reconcile-job.ts';
import { reconcileReplicated } from './reconcile-replicated.ts';
import { emptyPlan, type ReconcileInput, type TaskPlan } from './task-plan.ts';

/** What a service of any mode needs. A service that is being removed needs all its tasks to go. */
export function reconcileService(
  input: ReconcileInput & { readonly nodes: () => readonly Node[] },
): TaskPlan {
  const { service } = input;
  if (service.pendingDelete === true) {
    const plan = emptyPlan();
    for (const task of input.tasks) {
      if (task.desiredState !== 'remove') {
        plan.stop.push({ taskId: task.id, desiredState: 'remove' });
      }
    }
    return plan;
  }
  const { mode } = service.spec;
  switch (mode.type) {
    case 'replicated':
      return reconcileReplicated(input);
    case 'global':
      return reconcileGlobal({ ...input, nodes: input.nodes() });
    case 'replicated-job':
      return reconcileReplicatedJob(input);
    case 'global-job':
      return reconcileGlobalJob({ ...input, nodes: input.nodes() });
    default:
      return assertNever(mode, 'service mode');
  }
}
