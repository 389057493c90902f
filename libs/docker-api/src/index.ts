export {
  API_VERSION_MAX,
  API_VERSION_MIN,
  compareApiVersions,
  formatApiVersion,
  isAtLeast,
  parseVersionedPath,
  type ApiVersion,
  type VersionedPath,
} from './api-version.ts';
export { compact, orOmit, parseBody } from './body.ts';
export {
  buildCacheToDocker,
  parseBuildUlimits,
  parseRegistryConfig,
  parseStringList,
  parseStringMap,
  type BuildCacheFacts,
  type DockerBuildCache,
} from './build.ts';
export {
  DockerContainerCreate,
  DockerContainerUpdate,
  DockerEndpointConfig,
  DockerExecCreate,
  DockerExecStart,
  DockerHostConfig,
} from './container-create.ts';
export {
  CONFIG_DEFAULTS,
  HOST_CONFIG_DEFAULTS,
  type DockerContainerConfigJson,
  type DockerContainerInspect,
  type DockerContainerState,
  type DockerContainerSummary,
  type DockerEndpointSettings,
  type DockerHostConfigJson,
  type DockerMountPoint,
  type DockerNetworkSettings,
  type DockerPort,
  type DockerPortMap,
} from './container-json.ts';
export { DockerContainerSpec, containerSpecFromDocker, containerSpecToDocker } from './container-spec.ts';
export { type DockerEndpoint, type DockerEndpointSpec, type DockerPortConfig } from './endpoint.ts';
export { SWARM_SENTENCES, answerForError, type ErrorAnswer, type ErrorBody } from './error-body.ts';
export {
  booleanFilter,
  checkFilters,
  lacksLabels,
  matchesExactly,
  matchesLabels,
  matchesPattern,
  matchesPrefix,
  parseFilters,
  type Filters,
} from './filters.ts';
export {
  FRAME_HEADER_BYTES,
  FrameDecoder,
  encodeFrame,
  frameHeader,
  type Frame,
  type StreamName,
} from './framing.ts';
export { readAsGo } from './go-json.ts';
export { DockerHealthcheck } from './healthcheck.ts';
export {
  type DockerImageConfig,
  type DockerImageDeletion,
  type DockerImageHistory,
  type DockerImageInspect,
  type DockerImageSummary,
} from './image-json.ts';
export { DockerMount, mountFromDocker, mountToDocker } from './mount.ts';
export {
  DockerNetworkConnect,
  DockerNetworkCreate,
  DockerNetworkDisconnect,
  networkSpecFromDocker,
  networkToDocker,
  swarmNetworkToDocker,
  type DockerIpamConfig,
  type DockerNetwork,
  type DockerNetworkContainer,
} from './network.ts';
export {
  DockerNodeSpec,
  nodeSpecFromDocker,
  nodeToDocker,
  type DockerNode,
  type DockerTlsInfo,
} from './node.ts';
export {
  DockerPayloadSpec,
  decodeBase64,
  encodeBase64,
  payloadFromDocker,
  payloadToDocker,
  type DockerPayload,
  type PayloadObject,
  type PayloadToCreate,
} from './payload.ts';
export {
  errorMessageLine,
  formatDecimalSize,
  progressBar,
  progressMessage,
  type ProgressMessage,
  type TransferStep,
} from './progress.ts';
export { DockerAuthConfig, parseRegistryAuth } from './registry-auth.ts';
export {
  DockerServiceSpec,
  serviceSpecFromDocker,
  serviceSpecToDocker,
  serviceToDocker,
  type DockerService,
  type DockerServiceStatus,
} from './service.ts';
export { withServiceDefaults } from './service-defaults.ts';
export {
  DockerSwarmInit,
  DockerSwarmJoin,
  DockerSwarmSpec,
  DockerSwarmUnlock,
  clusterToDocker,
  mergeSwarmSpec,
  swarmSpecToDocker,
  type ClusterFacts,
  type DockerClusterInfo,
} from './swarm.ts';
export { DockerTaskSpec } from './task-spec.ts';
export { taskName, taskToDocker, type DockerTask } from './task.ts';
export { ZERO_TIME, formatTimeMs, formatTimeNs, parseRequestTimeMs } from './timestamps.ts';
export { DockerVolumeCreate, type DockerVolume } from './volume.ts';
