export { allocateNetwork, allocateService, allocateTask } from './allocation.ts';
export { AddressPicker } from './allocator/ipam.ts';
export { ingressNetwork } from './allocator/vip.ts';
export { applyTaskPlan } from './apply-task-plan.ts';
export {
  createApiToken,
  createSession,
  createUser,
  extendSession,
  isEnded,
  removeApiToken,
  removeEndedAccess,
  removeSession,
  removeSessionsOf,
  removeUser,
  updateUser,
  type CreateApiTokenInput,
  type CreateSessionInput,
  type CreateUserInput,
  type UpdateUserInput,
} from './control/access.ts';
export {
  createCluster,
  setJoinTokens,
  setSetupLink,
  theCluster,
  updateCluster,
  type UpdateClusterInput,
} from './control/cluster.ts';
export { assertVersion, type ControlEnv } from './control/env.ts';
export { createNetwork, removeNetwork } from './control/network.ts';
export { removeNode, updateNode, type RemoveNodeInput, type UpdateNodeInput } from './control/node.ts';
export {
  createConfig,
  createSecret,
  removeConfig,
  removeSecret,
  updateConfig,
  updateSecret,
  type UpdatePayloadInput,
} from './control/payload.ts';
export {
  resolveConfig,
  resolveNetwork,
  resolveNode,
  resolveSecret,
  resolveService,
  resolveStack,
  resolveTask,
  resolveUser,
} from './control/resolve.ts';
export {
  createService,
  removeService,
  restartService,
  rollbackService,
  scaleService,
  updateService,
  type ServiceTarget,
  type UpdateServiceInput,
} from './control/service.ts';
export {
  STACK_LABEL,
  deployStack,
  objectsOfStack,
  putStack,
  removeStack,
  type DeployStackInput,
  type DeployStackResult,
  type PutStackInput,
  type StackChange,
  type StackPayload,
} from './control/stack.ts';
export { isTaskCurrent, specChange, type SpecChange } from './spec-change.ts';
export { reapService } from './reap.ts';
export { reconcileService } from './reconcile-service.ts';
export { groupTasks, scheduleTasks, type TaskGroup } from './schedule-tasks.ts';
export { demandOf, type Demand } from './scheduler/demand.ts';
export type { Explanation } from './scheduler/explain.ts';
export { NodeSet } from './scheduler/node-set.ts';
export { scheduleGroup, type GroupResult } from './scheduler/schedule.ts';
export { isAlive, isWanted } from './slot.ts';
export type { ReconcileInput, TaskPlan } from './task-plan.ts';
export { ORPHAN_AFTER_MS } from './task-reaper.ts';
