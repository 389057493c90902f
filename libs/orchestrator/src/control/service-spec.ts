import { SwarmError } from '@skep/kernel';
import {
  isPredefinedNetwork,
  parseConstraints,
  type NetworkAttachmentConfig,
  type PortConfig,
  type Service,
  type ServiceSpec,
  type TaskSpec,
} from '@skep/model';
import type { ReadTx } from '@skep/store';

import { ingressNetwork } from '../allocator/vip.ts';
import { needsIngress } from '../allocator/ports.ts';
import { invalidField } from './env.ts';
import { resolveNetwork } from './resolve.ts';

/**
 * Checks a service spec beyond its schema and resolves what it refers to: networks become ids; secrets and configs get
 * both id and name. The spec is not changed otherwise: defaults take effect when it is read.
 * @throws SwarmError `invalid_argument` in Swarm's words, with the path of the field.
 */
export function resolveServiceSpec(tx: ReadTx, spec: ServiceSpec, ownId?: string): ServiceSpec {
  assertMounts(spec.task);
  assertPlacement(spec.task);
  assertMode(spec);
  assertPorts(spec);
  assertPortsFree(tx, spec, ownId);
  if (needsIngress(spec) && ingressNetwork(tx) === undefined) {
    throw new SwarmError(
      'failed_precondition',
      'service needs ingress network, but no ingress network is present',
    );
  }
  return { ...spec, task: resolvePayloads(tx, resolveNetworks(tx, spec.task)) };
}

function assertMounts(task: TaskSpec): void {
  const targets = new Set<string>();
  task.container.mounts?.forEach((mount, index) => {
    if (targets.has(mount.target)) {
      throw invalidField(
        `task.container.mounts[${String(index)}].target`,
        `ContainerSpec: duplicate mount point: ${mount.target}`,
        'duplicate',
      );
    }
    targets.add(mount.target);
  });
}

function assertPlacement(task: TaskSpec): void {
  const parsed = parseConstraints(task.placement?.constraints ?? []);
  if (!parsed.ok) {
    throw invalidField('task.placement.constraints', parsed.error.message);
  }
  task.placement?.preferences?.forEach(({ spread }, index) => {
    if (!/^(node\.labels\.|engine\.labels\.).+/i.test(spread)) {
      throw invalidField(
        `task.placement.preferences[${String(index)}].spread`,
        `placement preference "${spread}" must be node.labels.<key> or engine.labels.<key>`,
      );
    }
  });
}

function assertMode(spec: ServiceSpec): void {
  const isJob = spec.mode.type === 'replicated-job' || spec.mode.type === 'global-job';
  if (isJob && spec.update !== undefined) {
    throw invalidField('update', 'update config is not allowed for job-mode services');
  }
  if (isJob && spec.task.restart?.condition === 'any') {
    throw invalidField(
      'task.restart.condition',
      "restart condition 'any' is not allowed for job-mode services",
    );
  }
}

function assertPorts(spec: ServiceSpec): void {
  const seen = new Set<string>();
  spec.endpoint?.ports?.forEach((port, index) => {
    const path = `endpoint.ports[${String(index)}]`;
    if (spec.endpoint?.mode === 'dnsrr' && port.publishMode === 'ingress') {
      throw invalidField(
        `${path}.publishMode`,
        "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
      );
    }
    if (!isChosen(port)) {
      return;
    }
    const key = `${port.protocol}/${String(port.publishedPort)}`;
    if (seen.has(key)) {
      throw invalidField(
        `${path}.publishedPort`,
        'EndpointSpec: duplicate published ports provided',
        'duplicate',
      );
    }
    seen.add(key);
  });
}

const isChosen = (port: PortConfig): boolean => port.publishedPort !== undefined && port.publishedPort !== 0;

/** An ingress port clashes with any other service's use of it; host-mode ports of different services may meet. */
function assertPortsFree(tx: ReadTx, spec: ServiceSpec, ownId: string | undefined): void {
  const ports = spec.endpoint?.ports ?? [];
  if (!ports.some(isChosen)) {
    return;
  }
  const others = tx.list('service').filter(({ id, pendingDelete }) => id !== ownId && pendingDelete !== true);
  ports.forEach((port, index) => {
    if (!isChosen(port)) {
      return;
    }
    const owner = tx.ownerOfIngressPort(port.protocol, port.publishedPort ?? 0);
    const holder = owner === undefined || owner.id === ownId ? undefined : tx.get('service', owner.id);
    if (holder !== undefined) {
      throw portClash(port, index, { service: holder, use: 'an ingress' });
    }
    const hostUser =
      port.publishMode === 'host' ? undefined : others.find((other) => usesHostPort(other, port));
    if (hostUser !== undefined) {
      throw portClash(port, index, { service: hostUser, use: 'a host-published' });
    }
  });
}

function usesHostPort(service: Service, port: PortConfig): boolean {
  return (service.spec.endpoint?.ports ?? []).some(
    ({ publishMode, protocol, publishedPort }) =>
      publishMode === 'host' && protocol === port.protocol && publishedPort === port.publishedPort,
  );
}

function portClash(
  port: PortConfig,
  index: number,
  { service, use }: { readonly service: Service; readonly use: string },
): SwarmError {
  const message = `port '${String(port.publishedPort)}' is already in use by service '${service.spec.name}' (${service.id}) as ${use} port`;
  return new SwarmError('invalid_argument', message, {
    fields: [{ path: `endpoint.ports[${String(index)}].publishedPort`, code: 'in_use', message }],
    details: { port: port.publishedPort, serviceId: service.id, serviceName: service.spec.name },
  });
}

function resolveNetworks(tx: ReadTx, task: TaskSpec): TaskSpec {
  if (task.networks === undefined || task.networks.length === 0) {
    return task;
  }
  const seen = new Set<string>();
  const networks: NetworkAttachmentConfig[] = [];
  task.networks.forEach((attachment, index) => {
    const target = isPredefinedNetwork(attachment.target)
      ? attachment.target
      : networkId(tx, attachment.target, `task.networks[${String(index)}].target`);
    if (!seen.has(target)) {
      seen.add(target);
      networks.push({ ...attachment, target });
    }
  });
  return { ...task, networks };
}

function networkId(tx: ReadTx, ref: string, path: string): string {
  let network;
  try {
    network = resolveNetwork(tx, ref);
  } catch (error) {
    throw new SwarmError('not_found', `network ${ref} not found`, {
      cause: error,
      fields: [{ path, code: 'not_found', message: `network ${ref} not found` }],
    });
  }
  if (network.spec.ingress === true) {
    throw invalidField(
      path,
      `Service cannot be explicitly attached to the ingress network "${network.spec.name}"`,
    );
  }
  return network.id;
}

interface PayloadReference {
  readonly id: string;
  readonly name: string;
  readonly fileName: string;
}

function resolvePayloads(tx: ReadTx, task: TaskSpec): TaskSpec {
  const { secrets, configs } = task.container;
  if (secrets === undefined && configs === undefined) {
    return task;
  }
  const container = { ...task.container };
  if (secrets !== undefined) {
    const found = findPayloads(
      tx,
      'secret',
      secrets.map(({ secretId: id, secretName: name, file }) => ({ id, name, fileName: file.name })),
    );
    container.secrets = secrets.map((reference, index) => ({
      ...reference,
      secretId: found[index]?.id ?? '',
      secretName: found[index]?.name ?? '',
    }));
  }
  if (configs !== undefined) {
    const found = findPayloads(
      tx,
      'config',
      configs.map(({ configId: id, configName: name, file }) => ({ id, name, fileName: file.name })),
    );
    container.configs = configs.map((reference, index) => ({
      ...reference,
      configId: found[index]?.id ?? '',
      configName: found[index]?.name ?? '',
    }));
  }
  return { ...task, container };
}

/** A reference names its secret by id, by name (id empty), or by both, which then must agree. */
function findPayloads(
  tx: ReadTx,
  kind: 'secret' | 'config',
  references: readonly PayloadReference[],
): { readonly id: string; readonly name: string }[] {
  const missing: string[] = [];
  const byFile = new Map<string, string>();
  const found = references.map(({ id, name, fileName }) => {
    const payload = id === '' ? tx.byName(kind, name) : (tx.get(kind, id) ?? tx.byName(kind, id));
    if (payload === undefined || (name !== '' && payload.spec.name !== name)) {
      missing.push(name === '' ? id : name);
      return { id, name };
    }
    const other = byFile.get(fileName);
    if (other !== undefined) {
      throw invalidField(
        `task.container.${kind}s`,
        `${kind} references '${other}' and '${payload.spec.name}' have a conflicting target: '${fileName}'`,
        'duplicate',
      );
    }
    byFile.set(fileName, payload.spec.name);
    return { id: payload.id, name: payload.spec.name };
  });
  if (missing.length > 0) {
    const noun = missing.length === 1 ? kind : `${kind}s`;
    throw invalidField(`task.container.${kind}s`, `${noun} not found: ${missing.join(', ')}`, 'not_found');
  }
  return found;
}
