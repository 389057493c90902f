import { SwarmError, isDeepEqual } from '@skep/kernel';
import type {
  Config,
  ConfigSpec,
  Network,
  NetworkSpec,
  Secret,
  SecretSpec,
  Service,
  ServiceSpec,
  Stack,
} from '@skep/model';
import type { ReadTx, WriteTx } from '@skep/store';

import type { ControlEnv } from './env.ts';
import { createNetwork, removeNetwork } from './network.ts';
import { createConfig, createSecret, removeConfig, removeSecret } from './payload.ts';
import { resolveServiceSpec } from './service-spec.ts';
import { createService, isPaused, removeService, updateService } from './service.ts';

/** Docker's label that says which stack an object belongs to. */
export const STACK_LABEL = 'com.docker.stack.namespace';

export interface StackPayload<S> {
  readonly spec: S;
  readonly data: Uint8Array;
}

export interface DeployStackInput {
  readonly name: string;
  /** All with the stack's label, and names already prefixed. */
  readonly networks: readonly NetworkSpec[];
  readonly secrets: readonly StackPayload<SecretSpec>[];
  readonly configs: readonly StackPayload<ConfigSpec>[];
  readonly services: readonly ServiceSpec[];
  /** Removes services, and secrets, configs and networks no longer used, that are not in the input. */
  readonly prune?: boolean;
  readonly source?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly deployedBy: string;
  readonly message?: string;
}

/** What a deploy did (or, on a plan, would do) to one object. */
export interface StackChange {
  readonly kind: 'network' | 'secret' | 'config' | 'service';
  readonly op: 'create' | 'update' | 'none' | 'remove';
  readonly id: string;
  readonly name: string;
}

export interface DeployStackResult {
  readonly stack: Stack;
  readonly changes: readonly StackChange[];
}

/**
 * Creates or changes everything of a stack in one entry: all of it happens, or nothing does.
 * @throws SwarmError what the commands of the single objects throw.
 */
export function deployStack(tx: WriteTx, input: DeployStackInput, env: ControlEnv): DeployStackResult {
  const changes: StackChange[] = [];
  for (const spec of input.networks) {
    changes.push(deployNetwork(tx, spec, env));
  }
  for (const payload of input.secrets) {
    changes.push(deployPayload(tx, 'secret', payload, env));
  }
  for (const payload of input.configs) {
    changes.push(deployPayload(tx, 'config', payload, env));
  }
  for (const spec of input.services) {
    changes.push(deployService(tx, spec, env));
  }
  if (input.prune === true) {
    changes.push(...prune(tx, input.name, new Set(changes.map(({ id }) => id))));
  }
  return { stack: putStack(tx, input, env), changes };
}

function deployNetwork(tx: WriteTx, spec: NetworkSpec, env: ControlEnv): StackChange {
  const existing = tx.byName('network', spec.name);
  const network = existing ?? createNetwork(tx, spec, env);
  return { kind: 'network', op: existing === undefined ? 'create' : 'none', id: network.id, name: spec.name };
}

function deployPayload(
  tx: WriteTx,
  kind: 'secret' | 'config',
  payload: StackPayload<SecretSpec>,
  env: ControlEnv,
): StackChange {
  const { name } = payload.spec;
  const existing: Secret | Config | undefined = tx.byName(kind, name);
  if (existing === undefined) {
    const { id } = kind === 'secret' ? createSecret(tx, payload, env) : createConfig(tx, payload, env);
    return { kind, op: 'create', id, name };
  }
  if (!isDeepEqual(existing.data, payload.data)) {
    throw new SwarmError(
      'invalid_argument',
      `${kind} ${name} exists with other data, and only updates to Labels are allowed; give it a new name`,
      { details: { kind, name } },
    );
  }
  if (isDeepEqual(existing.spec, payload.spec)) {
    return { kind, op: 'none', id: existing.id, name };
  }
  tx.update(kind, { ...existing, spec: payload.spec });
  return { kind, op: 'update', id: existing.id, name };
}

function deployService(tx: WriteTx, spec: ServiceSpec, env: ControlEnv): StackChange {
  const existing = tx.byName('service', spec.name);
  if (existing === undefined) {
    return { kind: 'service', op: 'create', id: createService(tx, spec, env).id, name: spec.name };
  }
  // A counter raised by `service update --force` is not part of what the file says.
  const { forceUpdate } = existing.spec.task;
  const wanted: ServiceSpec =
    spec.task.forceUpdate === undefined && forceUpdate !== undefined
      ? { ...spec, task: { ...spec.task, forceUpdate } }
      : spec;
  const isSame = isDeepEqual(resolveServiceSpec(tx, wanted, existing.id), existing.spec);
  if (isSame && !isPaused(existing)) {
    return { kind: 'service', op: 'none', id: existing.id, name: spec.name };
  }
  updateService(tx, { service: existing.id, spec: wanted });
  return { kind: 'service', op: 'update', id: existing.id, name: spec.name };
}

/** Objects that carry the label of a stack. */
export function objectsOfStack(
  tx: ReadTx,
  name: string,
): { services: Service[]; networks: Network[]; secrets: Secret[]; configs: Config[] } {
  const isOwn = (object: {
    readonly spec: { readonly labels?: Readonly<Record<string, string>> | undefined };
  }) => object.spec.labels?.[STACK_LABEL] === name;
  return {
    services: tx.list('service').filter((service) => isOwn(service) && service.pendingDelete !== true),
    networks: tx.list('network').filter((network) => isOwn(network) && network.pendingDelete !== true),
    secrets: tx.list('secret').filter(isOwn),
    configs: tx.list('config').filter(isOwn),
  };
}

function prune(tx: WriteTx, name: string, kept: ReadonlySet<string>): StackChange[] {
  const own = objectsOfStack(tx, name);
  const changes: StackChange[] = [];
  const remove = (
    kind: StackChange['kind'],
    objects: readonly (Service | Network | Secret | Config)[],
  ): void => {
    for (const object of objects) {
      if (!kept.has(object.id)) {
        REMOVERS[kind](tx, object.id);
        changes.push({ kind, op: 'remove', id: object.id, name: object.spec.name });
      }
    }
  };
  remove('service', own.services);
  remove('secret', own.secrets);
  remove('config', own.configs);
  remove('network', own.networks);
  return changes;
}

const REMOVERS: Readonly<Record<StackChange['kind'], (tx: WriteTx, id: string) => unknown>> = {
  service: removeService,
  secret: removeSecret,
  config: removeConfig,
  network: removeNetwork,
};

export type PutStackInput = Pick<
  DeployStackInput,
  'name' | 'source' | 'variables' | 'deployedBy' | 'message'
>;

/** Notes a new revision of a stack, without touching its objects. */
export function putStack(tx: WriteTx, input: PutStackInput, env: ControlEnv): Stack {
  const existing = tx.byName('stack', input.name);
  const content = {
    name: input.name,
    revision: (existing?.revision ?? 0) + 1,
    deployedBy: input.deployedBy,
    ...(input.source === undefined ? {} : { source: input.source }),
    ...(input.variables === undefined ? {} : { variables: { ...input.variables } }),
    ...(input.message === undefined ? {} : { message: input.message }),
  };
  if (existing === undefined) {
    return tx.create('stack', { id: env.newId(), ...content });
  }
  const { id, version, createdAtMs, updatedAtMs } = existing;
  return tx.update('stack', { id, version, createdAtMs, updatedAtMs, ...content });
}

/**
 * Removes a stack with all its objects in one entry.
 * @throws SwarmError `not_found` "Nothing found in stack: x" when there is neither a stack nor an object of it;
 *   `failed_precondition` or `invalid_argument` when a service outside uses one of its networks, secrets or configs.
 */
export function removeStack(tx: WriteTx, name: string): readonly StackChange[] {
  const stack = tx.byName('stack', name);
  const changes = prune(tx, name, new Set());
  if (stack === undefined && changes.length === 0) {
    throw new SwarmError('not_found', `Nothing found in stack: ${name}`);
  }
  if (stack !== undefined) {
    tx.remove('stack', stack.id, { version: stack.version });
  }
  return changes;
}
