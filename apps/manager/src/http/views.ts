import type {
  ClusterView,
  ConfigDataView,
  ConfigView,
  EventView,
  MeView,
  SecretView,
  ServiceView,
  StackView,
  TaskCounts,
  TokenView,
  UserView,
} from '@skep/contract';
import { ROLE_PERMISSIONS } from '@skep/contract';
import { STACK_LABEL, type ReadTx } from '@skep/controlplane';
import type {
  ApiToken,
  Cluster,
  Config,
  HistoryEntry,
  Secret,
  Service,
  Stack,
  Task,
  User,
} from '@skep/model';

import type { Principal } from '../auth/principal.ts';

/** Filter for the objects of a stack. */
export function stackLabel(stack: string): string {
  return `${STACK_LABEL}=${stack}`;
}

/** Stored objects in the form in which they leave the manager: the one place where secrets are left out. */
export function toClusterView(cluster: Cluster): ClusterView {
  const { ca, joinTokens: _joinTokens, unlockKey: _unlockKey, setup: _setup, ...rest } = cluster;
  return { ...rest, ca: { certificatePem: ca.certificatePem, fingerprint: ca.fingerprint } };
}

export function toSecretView(secret: Secret): SecretView {
  const { data: _data, ...rest } = secret;
  return rest;
}

export function toConfigView(config: Config): ConfigView {
  const { data: _data, ...rest } = config;
  return rest;
}

export function toConfigDataView(config: Config): ConfigDataView {
  return { ...config, data: Buffer.from(config.data).toString('base64') };
}

export function toUserView(user: User): UserView {
  const { passwordHash: _passwordHash, ...rest } = user;
  return rest;
}

export function toTokenView(tx: ReadTx, token: ApiToken): TokenView {
  const { tokenSha256: _tokenSha256, ...rest } = token;
  return { ...rest, ownerName: tx.get('user', token.ownerId)?.name ?? token.ownerId };
}

export function toServiceView(tx: ReadTx, service: Service): ServiceView {
  return { ...service, tasks: countTasks(service, tx.tasksByService(service.id)) };
}

/** Tasks that run, and that should: Docker's ServiceStatus. */
export function countTasks(service: Service, tasks: readonly Task[]): TaskCounts {
  const { mode } = service.spec;
  const running = tasks.filter(({ status }) => status.state === 'running').length;
  const wanted = tasks.filter(({ desiredState }) => desiredState === 'running').length;
  switch (mode.type) {
    case 'replicated':
      return { running, desired: mode.replicas };
    case 'global':
      return { running, desired: wanted };
    case 'replicated-job':
      return {
        running,
        desired: Math.min(mode.maxConcurrent, mode.totalCompletions),
        completed: completed(service, tasks),
      };
    case 'global-job':
      return { running, desired: wanted, completed: completed(service, tasks) };
  }
}

function completed(service: Service, tasks: readonly Task[]): number {
  return tasks.filter(
    (task) => task.status.state === 'complete' && task.jobIteration === service.jobIteration,
  ).length;
}

/** The services of a stack. */
export function servicesOfStack(tx: ReadTx, name: string): Service[] {
  return tx.list('service').filter(({ spec }) => spec.labels?.[STACK_LABEL] === name);
}

export function toStackView(tx: ReadTx, stack: Stack): StackView {
  const { source, variables: _variables, ...rest } = stack;
  const services = servicesOfStack(tx, stack.name);
  const counts = services.map((service) => countTasks(service, tx.tasksByService(service.id)));
  return {
    ...rest,
    hasSource: source !== undefined,
    services: services.length,
    tasks: {
      running: counts.reduce((sum, { running }) => sum + running, 0),
      desired: counts.reduce((sum, { desired }) => sum + desired, 0),
    },
  };
}

export function toMeView(principal: Principal): MeView {
  return {
    principal: principal.id,
    name: principal.name,
    role: principal.role,
    via: principal.kind === 'user' ? 'session' : principal.kind,
    permissions: [...ROLE_PERMISSIONS[principal.role]],
    ...(principal.userId === undefined ? {} : { userId: principal.userId }),
    ...(principal.locale === undefined ? {} : { locale: principal.locale }),
    ...(principal.sessionExpiresAtMs === undefined
      ? {}
      : { sessionExpiresAtMs: principal.sessionExpiresAtMs }),
  };
}

/** An event that is still in the store. */
export function toEventView(entry: HistoryEntry): EventView | undefined {
  if (entry.record.type !== 'event') {
    return undefined;
  }
  const { type: _type, ...record } = entry.record;
  return { id: historyId(entry.logIndex, entry.seq), logIndex: entry.logIndex, seq: entry.seq, ...record };
}

export function historyId(logIndex: number, seq: number): string {
  return `${String(logIndex)}.${String(seq)}`;
}
