import { SwarmError } from '@skep/kernel';
import type { Service, ServiceSpec, UpdateStatus } from '@skep/model';
import type { WriteTx } from '@skep/store';

import { specChange } from '../spec-change.ts';
import { nextSpecVersion } from '../spec-version.ts';
import { assertVersion, type ControlEnv } from './env.ts';
import { resolveService } from './resolve.ts';
import { resolveServiceSpec } from './service-spec.ts';

/**
 * Creates a service. Networks, secrets and configs may be given by name. Addresses, ports and tasks follow by
 * themselves once the entry is applied.
 * @throws SwarmError `invalid_argument`, `not_found` (a network), `name_conflict` ("name conflicts with an existing
 *   object: service web already exists"), `failed_precondition` (no ingress network).
 */
export function createService(tx: WriteTx, spec: ServiceSpec, env: ControlEnv): Service {
  return tx.create('service', {
    id: env.newId(),
    spec: resolveServiceSpec(tx, spec),
    specVersion: nextSpecVersion(tx),
    ...(isJob(spec) ? { jobIteration: 0 } : {}),
  });
}

const isJob = (spec: ServiceSpec): boolean =>
  spec.mode.type === 'replicated-job' || spec.mode.type === 'global-job';

export interface UpdateServiceInput {
  /** Id, name, or beginning of the id. */
  readonly service: string;
  readonly spec: ServiceSpec;
  /** The version the client has seen; absent: whatever is there. */
  readonly version?: number;
}

/**
 * Replaces the spec of a service. What needs new tasks begins a rolling update, as does the same spec again while one
 * is paused (Swarm's way to resume); anything else takes effect in place. For a job it begins a new run. The spec
 * before becomes `previousSpec`.
 * @throws SwarmError `not_found`, `version_conflict` "update out of sequence", `unimplemented` for another name or
 *   mode (Swarm's refusals), and what {@link createService} throws.
 */
export function updateService(tx: WriteTx, input: UpdateServiceInput): Service {
  const service = resolveService(tx, input.service);
  assertVersion(service, input.version);
  if (service.spec.mode.type !== input.spec.mode.type) {
    throw new SwarmError('unimplemented', 'service mode change is not allowed');
  }
  if (service.spec.name !== input.spec.name) {
    throw new SwarmError('unimplemented', 'renaming services is not supported');
  }
  return replaceSpec(tx, service, resolveServiceSpec(tx, input.spec, service.id));
}

function replaceSpec(tx: WriteTx, service: Service, spec: ServiceSpec): Service {
  const change = specChange(service.spec, spec);
  const { updateStatus: _former, ...rest } = service;
  const isNewRun = isJob(spec) && change !== 'in-place';
  const isRollout = !isJob(spec) && (change === 'replace' || (change === 'none' && isPaused(service)));
  const status = isRollout
    ? ({ state: 'updating', startedAtMs: tx.nowMs, message: 'update in progress' } as const)
    : unfinished(service);
  return tx.update('service', {
    ...rest,
    spec,
    previousSpec: service.spec,
    previousSpecVersion: service.specVersion,
    specVersion: isRollout || isNewRun ? nextSpecVersion(tx, service) : service.specVersion,
    ...(isNewRun ? { jobIteration: (service.jobIteration ?? 0) + 1 } : {}),
    ...(status === undefined ? {} : { updateStatus: status }),
  });
}

/** Whether the rollout of a service has stopped and waits for a user. */
export function isPaused(service: Service): boolean {
  return service.updateStatus?.state === 'paused' || service.updateStatus?.state === 'rollback_paused';
}

/** The state of a rollout that is under way or paused: a change in place leaves it alone. */
function unfinished(service: Service): UpdateStatus | undefined {
  const state = service.updateStatus?.state;
  return isPaused(service) || state === 'updating' || state === 'rollback_started'
    ? service.updateStatus
    : undefined;
}

export interface ServiceTarget {
  readonly service: string;
  readonly version?: number;
}

/**
 * Goes back to the spec before the last update, by the rollback policy. A second rollback comes forward again.
 * @throws SwarmError `failed_precondition` "service web does not have a previous spec".
 */
export function rollbackService(tx: WriteTx, input: ServiceTarget): Service {
  const service = resolveService(tx, input.service);
  assertVersion(service, input.version);
  const { previousSpec } = service;
  if (previousSpec === undefined) {
    throw new SwarmError('failed_precondition', `service ${input.service} does not have a previous spec`);
  }
  const spec = resolveServiceSpec(tx, previousSpec, service.id);
  return tx.update('service', {
    ...service,
    spec,
    specVersion: nextSpecVersion(tx, service),
    previousSpec: service.spec,
    previousSpecVersion: service.specVersion,
    updateStatus: {
      state: 'rollback_started',
      startedAtMs: tx.nowMs,
      message: 'manually requested rollback',
    },
  });
}

/**
 * Sets the number of replicas of a replicated service (of completions, for a replicated job).
 * @throws SwarmError `invalid_argument` for global services.
 */
export function scaleService(tx: WriteTx, input: ServiceTarget & { readonly replicas: number }): Service {
  const service = resolveService(tx, input.service);
  const { mode } = service.spec;
  if (mode.type !== 'replicated' && mode.type !== 'replicated-job') {
    throw new SwarmError('invalid_argument', 'scale can only be used with replicated or replicated-job mode');
  }
  const next =
    mode.type === 'replicated'
      ? { ...mode, replicas: input.replicas }
      : { ...mode, totalCompletions: input.replicas };
  return updateService(tx, { ...input, spec: { ...service.spec, mode: next } });
}

/** Replaces every task by a new one, by the update policy, with nothing else changed (Docker's `--force`). */
export function restartService(tx: WriteTx, input: ServiceTarget): Service {
  const service = resolveService(tx, input.service);
  const task = { ...service.spec.task, forceUpdate: (service.spec.task.forceUpdate ?? 0) + 1 };
  return updateService(tx, { ...input, spec: { ...service.spec, task } });
}

/**
 * Removes a service: its name and ports are free at once, it is found no more, and its object goes away with its last
 * task. Answers the service as it was.
 */
export function removeService(tx: WriteTx, ref: string): Service {
  const service = resolveService(tx, ref);
  tx.update('service', { ...service, pendingDelete: true });
  return service;
}
