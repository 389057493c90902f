import type { ClusterSpec } from './cluster.ts';
import type { ContainerSpec } from './container-spec.ts';
import type { RestartPolicy, UpdateConfig } from './service.ts';

const SECOND_NS = 1_000_000_000;

/** Swarm's defaults (docker-compat.md 1). Specs are stored as written; these take effect when they are read. */
export const DEFAULT_STOP_GRACE_NS = 10 * SECOND_NS;
export const DEFAULT_HEARTBEAT_PERIOD_NS = SECOND_NS;
export const DEFAULT_NODE_CERT_EXPIRY_NS = 90 * 86_400 * SECOND_NS;
export const DEFAULT_ADDRESS_POOLS: readonly string[] = ['10.0.0.0/8'];
export const DEFAULT_SUBNET_PREFIX_LENGTH = 24;
export const DEFAULT_DATA_PATH_PORT = 4789;
/** Ports that the allocator gives when a published port is not chosen. */
export const DYNAMIC_PORT_FIRST = 30_000;
export const DYNAMIC_PORT_LAST = 32_767;

type Complete<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

export function effectiveRestartPolicy(policy: RestartPolicy | undefined): Complete<RestartPolicy> {
  return {
    condition: policy?.condition ?? 'any',
    delayNs: policy?.delayNs ?? 5 * SECOND_NS,
    maxAttempts: policy?.maxAttempts ?? 0,
    windowNs: policy?.windowNs ?? 0,
  };
}

export function effectiveUpdateConfig(config: UpdateConfig | undefined): Complete<UpdateConfig> {
  return {
    parallelism: config?.parallelism ?? 1,
    delayNs: config?.delayNs ?? 0,
    failureAction: config?.failureAction ?? 'pause',
    monitorNs: config?.monitorNs ?? 5 * SECOND_NS,
    maxFailurePerMille: config?.maxFailurePerMille ?? 0,
    order: config?.order ?? 'stop-first',
  };
}

export function effectiveStopGraceNs(container: ContainerSpec): number {
  return container.stopGracePeriodNs ?? DEFAULT_STOP_GRACE_NS;
}

/** Settings of a new cluster. */
export function defaultClusterSpec(name = 'default'): ClusterSpec {
  return {
    name,
    orchestration: { taskHistoryRetentionLimit: 5 },
    raft: {
      snapshotInterval: 10_000,
      keepOldSnapshots: 0,
      logEntriesForSlowFollowers: 500,
      electionTick: 10,
      heartbeatTick: 1,
    },
    dispatcher: { heartbeatPeriodNs: DEFAULT_HEARTBEAT_PERIOD_NS },
    ca: { nodeCertExpiryNs: DEFAULT_NODE_CERT_EXPIRY_NS },
    autoLockManagers: false,
  };
}
