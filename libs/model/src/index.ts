export { Cluster, ClusterSpec } from './cluster.ts';
export { Config, ConfigSpec, CONFIG_BYTES_MAX } from './config.ts';
export {
  matchesConstraint,
  parseConstraint,
  parseConstraints,
  type Constraint,
  type ConstraintSubject,
} from './constraint.ts';
export {
  ConfigReference,
  ContainerSpec,
  FileTarget,
  Healthcheck,
  Mount,
  SecretReference,
  Ulimit,
} from './container-spec.ts';
export {
  DEFAULT_ADDRESS_POOLS,
  DEFAULT_DATA_PATH_PORT,
  DEFAULT_HEARTBEAT_PERIOD_NS,
  DEFAULT_NODE_CERT_EXPIRY_NS,
  DEFAULT_STOP_GRACE_NS,
  DEFAULT_SUBNET_PREFIX_LENGTH,
  DYNAMIC_PORT_FIRST,
  DYNAMIC_PORT_LAST,
  defaultClusterSpec,
  effectiveRestartPolicy,
  effectiveStopGraceNs,
  effectiveUpdateConfig,
} from './defaults.ts';
export {
  Actor,
  AuditRecord,
  EventRecord,
  HistoryEntry,
  HistoryRecord,
  ServiceRevisionRecord,
  StackRevisionRecord,
} from './history.ts';
export { DurationNs, Labels, ObjectMeta, objectMetaShape } from './meta.ts';
export { ObjectName, PayloadName } from './name.ts';
export { IpamConfig, Network, NetworkSpec, isPredefinedNetwork } from './network.ts';
export {
  ManagerStatus,
  Node,
  NodeAvailability,
  NodeDescription,
  NodeRole,
  NodeSpec,
  NodeState,
  NodeStatus,
} from './node.ts';
export {
  GenericResource,
  MEMORY_BYTES_MIN,
  ResourceLimits,
  ResourceRequirements,
  ResourceReservations,
} from './resources.ts';
export { Secret, SecretSpec, SECRET_BYTES_MAX } from './secret.ts';
export {
  EndpointSpec,
  LogDriver,
  NetworkAttachmentConfig,
  Placement,
  Platform,
  PortConfig,
  Protocol,
  RestartPolicy,
  Service,
  ServiceEndpoint,
  ServiceMode,
  ServiceSpec,
  TaskSpec,
  UpdateConfig,
  UpdateState,
  UpdateStatus,
} from './service.ts';
export { Stack } from './stack.ts';
export { TASK_STATE_ORDER, TaskState, canAdvance, compareTaskStates, isTerminalState } from './task-state.ts';
export { ContainerStatus, NetworkAttachment, Task, TaskReason, TaskStatus } from './task.ts';
export { ApiToken, Role, Session, User, UserName } from './user.ts';
