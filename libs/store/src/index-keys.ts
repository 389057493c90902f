import { compareTaskStates, isTerminalState, type Network, type Service, type Task } from '@skep/model';

import type { Kind, ObjectOf } from './objects.ts';

/** Non-unique indexes. */
export type BucketName = 'service' | 'node' | 'slot';

export interface BucketKey {
  readonly bucket: BucketName;
  readonly key: string;
}

export const slotKey = (serviceId: string, slot: number): string => `${serviceId}/${String(slot)}`;

/** Under which keys a task is listed. Objects of other kinds are few and listed whole. */
export function bucketKeysOf(kind: Kind, object: ObjectOf[Kind]): readonly BucketKey[] {
  if (kind !== 'task') {
    return [];
  }
  const task = object as Task;
  return [
    { bucket: 'service', key: task.serviceId },
    { bucket: 'node', key: task.nodeId ?? '' },
    { bucket: 'slot', key: slotKey(task.serviceId, task.slot) },
  ];
}

/** Whether two versions of an object are listed under the same keys; cheap, so that most changes stop here. */
export function hasSameBuckets(kind: Kind, a: ObjectOf[Kind], b: ObjectOf[Kind]): boolean {
  if (kind !== 'task') {
    return true;
  }
  const [taskA, taskB] = [a as Task, b as Task];
  return taskA.nodeId === taskB.nodeId && taskA.serviceId === taskB.serviceId && taskA.slot === taskB.slot;
}

// Claims: things that only one object of the cluster may hold. A claim is a text `<type>/<...>`.

export const nameClaim = (kind: Kind, name: string): string => `name/${kind}/${name.toLowerCase()}`;
export const sha256Claim = (kind: Kind, sha256: string): string => `sha/${kind}/${sha256}`;
export const portClaim = (protocol: string, port: number): string => `port/${protocol}/${String(port)}`;
export const vniClaim = (vni: number): string => `vni/${String(vni)}`;
export const addressClaim = (networkId: string, address: string): string => `ip/${networkId}/${address}`;

/** The address of a CIDR text: `10.0.1.2/24` gives `10.0.1.2`. */
export function addressOf(cidr: string): string {
  const slash = cidr.indexOf('/');
  return slash === -1 ? cidr : cidr.slice(0, slash);
}

/** Network of an address claim; undefined for other claims. */
export function networkOfClaim(claim: string): string | undefined {
  return claim.startsWith('ip/') ? claim.slice(3, claim.indexOf('/', 3)) : undefined;
}

const NO_CLAIMS: readonly string[] = [];

/** All claims of an object. */
export function claimsOf(kind: Kind, object: ObjectOf[Kind]): readonly string[] {
  switch (kind) {
    case 'task':
      return taskClaims(object as Task);
    case 'service':
      return serviceClaims(object as Service);
    case 'network':
      return networkClaims(object as Network);
    case 'secret':
    case 'config':
      return [nameClaim(kind, (object as ObjectOf['secret']).spec.name)];
    case 'stack':
    case 'user':
      return [nameClaim(kind, (object as ObjectOf['stack']).name)];
    case 'apiToken': {
      const token = object as ObjectOf['apiToken'];
      return [sha256Claim(kind, token.tokenSha256), nameClaim(kind, `${token.ownerId}/${token.name}`)];
    }
    case 'session':
      return [sha256Claim(kind, (object as ObjectOf['session']).cookieSha256)];
    case 'cluster':
      return ['cluster'];
    case 'node':
      return NO_CLAIMS;
  }
}

const isWanted = (task: Task): boolean => compareTaskStates(task.desiredState, 'running') <= 0;

/**
 * Of each version of a service, one task at most is wanted in one place, whoever made it: two leaders that overlap
 * cannot fill a slot twice. Addresses are held until the task has ended.
 */
function taskClaims(task: Task): readonly string[] {
  const claims: string[] = [];
  if (isWanted(task)) {
    const place = task.slot === 0 ? (task.nodeId ?? '') : String(task.slot);
    claims.push(`slot/${task.serviceId}/${place}/${String(task.specVersion)}`);
  }
  if (!isTerminalState(task.status.state)) {
    for (const { networkId, addresses } of task.networks) {
      addresses.forEach((address) => claims.push(addressClaim(networkId, addressOf(address))));
    }
  }
  return claims;
}

/** A service that is being removed keeps its addresses (its tasks may still answer) but frees its name and ports. */
function serviceClaims(service: Service): readonly string[] {
  const claims = new Set<string>();
  for (const { networkId, address } of service.endpoint?.virtualIps ?? []) {
    claims.add(addressClaim(networkId, addressOf(address)));
  }
  if (service.pendingDelete === true) {
    return [...claims];
  }
  claims.add(nameClaim('service', service.spec.name));
  for (const port of [...(service.spec.endpoint?.ports ?? []), ...(service.endpoint?.ports ?? [])]) {
    if (port.publishMode === 'ingress' && port.publishedPort !== undefined && port.publishedPort !== 0) {
      claims.add(portClaim(port.protocol, port.publishedPort));
    }
  }
  return [...claims];
}

function networkClaims(network: Network): readonly string[] {
  const claims = network.pendingDelete === true ? [] : [nameClaim('network', network.spec.name)];
  if (network.vni !== undefined) {
    claims.push(vniClaim(network.vni));
  }
  if (network.spec.ingress === true && network.pendingDelete !== true) {
    claims.push('ingress-network');
  }
  return claims;
}

/** Whether two versions of an object surely hold the same claims; false when it has to be worked out. */
export function hasSameClaims(kind: Kind, a: ObjectOf[Kind], b: ObjectOf[Kind]): boolean {
  switch (kind) {
    case 'task': {
      const [taskA, taskB] = [a as Task, b as Task];
      return (
        taskA.networks === taskB.networks &&
        taskA.specVersion === taskB.specVersion &&
        isWanted(taskA) === isWanted(taskB) &&
        (taskA.slot !== 0 || taskA.nodeId === taskB.nodeId) &&
        isTerminalState(taskA.status.state) === isTerminalState(taskB.status.state)
      );
    }
    case 'service': {
      const [serviceA, serviceB] = [a as Service, b as Service];
      return (
        serviceA.spec === serviceB.spec &&
        serviceA.endpoint === serviceB.endpoint &&
        serviceA.pendingDelete === serviceB.pendingDelete
      );
    }
    case 'node':
    case 'cluster':
      return true;
    default:
      return false;
  }
}
