export { createControlPlane } from './control-plane.ts';
export type { ControlPlaneOptions, LoopPorts } from './control-plane-options.ts';
export type { LeaderPart } from './leadership.ts';
export { ControlLoops, type ControlLoopPorts, type LoopLog } from './loops/control-loops.ts';
export { openBackup } from './recovery/backup-file.ts';
export { isLocked, unlockFolder } from './recovery/locked-folder.ts';
export { managerAdvice } from './recovery/manager-advice.ts';
export { replaceUnlockKey, settleUnlockKey } from './recovery/unlock-key.ts';
export type {
  AuditDraft,
  Backup,
  ControlPlane,
  ControlPlaneStatus,
  EventDraft,
  ForwardedAnswer,
  ForwardedRequest,
  ForwardedRequestHandler,
  ManagerInfo,
  ServerCertificate,
  UpdateContext,
  UpdateResult,
} from './control-plane-api.ts';
export type { StreamChannel, StreamInput, StreamItem, StreamRequest } from './stream-api.ts';
// What the edge needs of the store's types; it does not import the store itself.
export type {
  AppliedEntry,
  Kind,
  NewObject,
  ObjectOf,
  PatchFields,
  ReadTx,
  StoreEvent,
  Subscription,
  WatchOptions,
  WatchResult,
  WriteTx,
} from '@skep/store';
// The commands of the API, as transactions for `ControlPlane.update`.
export {
  STACK_LABEL,
  assertVersion,
  createApiToken,
  createConfig,
  createNetwork,
  createSecret,
  createService,
  createSession,
  createUser,
  deployStack,
  extendSession,
  isEnded,
  objectsOfStack,
  removeApiToken,
  removeConfig,
  removeEndedAccess,
  removeNetwork,
  removeSecret,
  removeService,
  removeSession,
  removeSessionsOf,
  removeStack,
  removeUser,
  resolveConfig,
  resolveNetwork,
  resolveNode,
  resolveSecret,
  resolveService,
  resolveStack,
  resolveTask,
  resolveUser,
  restartService,
  rollbackService,
  scaleService,
  setSetupLink,
  specChange,
  theCluster,
  updateCluster,
  updateConfig,
  updateNode,
  updateSecret,
  updateService,
  updateUser,
  type ControlEnv,
  type StackChange,
} from '@skep/orchestrator';
