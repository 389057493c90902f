export {
  createClient,
  toHttpRequest,
  type CallInput,
  type Client,
  type HttpRequest,
  type HttpResponse,
  type Transport,
} from './client.ts';
export { NoBody, NoContent, NoParams, NoQuery, type Endpoint, type Method } from './endpoint.ts';
export {
  API_PREFIX,
  ENDPOINTS,
  type BodyOf,
  type Endpoints,
  type Operation,
  type ParamsOf,
  type QueryOf,
  type RequestOf,
  type ResponseOf,
} from './endpoints.ts';
export { TokenCreated } from './endpoints/access.ts';
export { MergePatch } from './endpoints/cluster.ts';
export { NodePatch } from './endpoints/nodes.ts';
export { BootstrapView, PASSWORD_LENGTH_MIN, Password, SetupTokenView } from './endpoints/session.ts';
export { StackDeployed } from './endpoints/stacks.ts';
export { EXEC_UNACKED_BYTES_MAX, ExecClientFrame, execPath, type ExecServerFrame } from './exec.ts';
export {
  LOGS_PATH,
  LOG_FLAG_LATE,
  LogsClientFrame,
  LogsPage,
  LogsSelect,
  type LogsLine,
  type LogsServerFrame,
  type LogsTask,
} from './logs.ts';
export { toOpenApi } from './openapi.ts';
export { PERMISSIONS, ROLE_PERMISSIONS, roleHolds, type Access, type Permission } from './permission.ts';
export { FieldChange, Plan, PlanAction, PlanRequest, STACK_SOURCE_BYTES_MAX, StackInput } from './plan.ts';
export { FieldProblem, PROBLEM_MEDIA_TYPE, Problem, fromProblem, toProblem } from './problem.ts';
export { Removed } from './query.ts';
export {
  STREAM_PATH,
  STREAM_SUBPROTOCOL,
  STREAM_TOPICS,
  StreamClientFrame,
  TOPIC_PERMISSIONS,
  type StatsRow,
  type StreamDependencies,
  type StreamOp,
  type StreamRows,
  type StreamServerFrame,
  type StreamTopic,
  type TaskRow,
} from './stream.ts';
export {
  AuditView,
  BackupView,
  ClusterView,
  ConfigDataView,
  ConfigView,
  DependencyState,
  EventView,
  HealthView,
  JoinTokensView,
  ManagerView,
  MeView,
  NetworkView,
  NodeView,
  RaftMemberView,
  RaftView,
  SecretView,
  ServiceRevisionView,
  ServiceView,
  StackRevisionView,
  StackSourceView,
  StackView,
  TaskCounts,
  TaskView,
  TokenView,
  UnlockKeyView,
  UserView,
} from './views.ts';
