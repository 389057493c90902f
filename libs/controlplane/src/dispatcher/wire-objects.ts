import type { Network, Node, PortConfig, Service, Task } from '@skep/model';
import { compareTaskStates, isTerminalState } from '@skep/model';
import type { WireEndpoint, WireNetwork, WirePeer, WireService } from '@skep/wire';

/** `10.0.1.2/24` without its prefix length. */
export function plainAddress(cidr: string): string {
  const slash = cidr.indexOf('/');
  return slash < 0 ? cidr : cidr.slice(0, slash);
}

/** Host part of `host:port`, `[v6]:port` or a bare address. */
export function hostOf(addr: string): string {
  if (addr.startsWith('[')) {
    return addr.slice(1, addr.indexOf(']'));
  }
  const first = addr.indexOf(':');
  return first >= 0 && first === addr.lastIndexOf(':') ? addr.slice(0, first) : addr;
}

/** Whether agents know a task: from its assignment until its object is removed. */
export function isAssigned(task: Task): boolean {
  return task.nodeId !== undefined && compareTaskStates(task.status.state, 'assigned') >= 0;
}

/** Whether a task still needs its networks, secrets and configs. */
export function isLive(task: Task): boolean {
  return isAssigned(task) && !isTerminalState(task.status.state) && task.desiredState !== 'remove';
}

export function networkIdsOf(task: Task): string[] {
  return task.networks.map((attachment) => attachment.networkId);
}

/** Undefined while the allocator has not given the network its VNI and subnets. */
export function toWireNetwork(network: Network): WireNetwork | undefined {
  if (network.vni === undefined || network.ipam === undefined || network.ipam.length === 0) {
    return undefined;
  }
  return {
    id: network.id,
    name: network.spec.name,
    vni: network.vni,
    subnets: network.ipam.map(({ subnet, gateway }) => ({ subnet, gateway })),
    isInternal: network.spec.internal === true,
    isIngress: network.spec.ingress === true,
    isAttachable: network.spec.attachable === true,
    ...(network.spec.driverOpts === undefined ? {} : { driverOpts: network.spec.driverOpts }),
  };
}

/** Undefined while the node has never had a session and so no address is known. */
export function toWirePeer(node: Node): WirePeer | undefined {
  const addr = node.dataPathAddr ?? hostOf(node.status.addr);
  if (addr === '') {
    return undefined;
  }
  return {
    nodeId: node.id,
    hostname: node.description?.hostname ?? node.id,
    addr,
    isReady: node.status.state === 'ready',
  };
}

function ingressPortsOf(service: Service): PortConfig[] {
  const ports = service.endpoint?.ports ?? [];
  return ports.filter((port) => port.publishMode === 'ingress' && (port.publishedPort ?? 0) > 0);
}

/** A service as seen from a node on `networkIds`; undefined when nothing of it can be reached there. */
export function toWireService(service: Service, networkIds: ReadonlySet<string>): WireService | undefined {
  const { endpoint } = service;
  if (endpoint === undefined) {
    return undefined;
  }
  const ingressPorts = ingressPortsOf(service);
  const joined = (service.spec.task.networks ?? []).filter(({ target }) => networkIds.has(target));
  const virtualIps = endpoint.virtualIps
    .filter(({ networkId }) => networkIds.has(networkId))
    .map(({ networkId, address }) => ({ networkId, address: plainAddress(address) }));
  if (ingressPorts.length === 0 && joined.length === 0 && virtualIps.length === 0) {
    return undefined;
  }
  return {
    id: service.id,
    name: service.spec.name,
    mode: endpoint.mode,
    virtualIps,
    ingressPorts,
    aliases: joined
      .filter(({ aliases }) => aliases !== undefined && aliases.length > 0)
      .map(({ target, aliases }) => ({ networkId: target, names: [...(aliases ?? [])] })),
  };
}

/** Name of a task and of its container: `<service>.<slot>.<task id>`; for global services the node takes the slot. */
export function taskNameOf(task: Task): string {
  const place = task.slot > 0 ? String(task.slot) : (task.nodeId ?? '');
  return `${task.serviceName}.${place}.${task.id}`;
}

/** Id of the endpoint of a task on a network. */
export function endpointId(taskId: string, networkId: string): string {
  return `${taskId}/${networkId}`;
}

/** Undefined when the task has no address there, is not placed, or has ended. */
export function toWireEndpoint(task: Task, networkId: string): WireEndpoint | undefined {
  const attachment = task.networks.find((candidate) => candidate.networkId === networkId);
  const address = attachment?.addresses[0];
  if (address === undefined || task.nodeId === undefined || !isLive(task)) {
    return undefined;
  }
  return {
    id: endpointId(task.id, networkId),
    taskId: task.id,
    taskName: taskNameOf(task),
    serviceId: task.serviceId,
    nodeId: task.nodeId,
    networkId,
    address: plainAddress(address),
    isServing: task.status.state === 'running' && compareTaskStates(task.desiredState, 'running') <= 0,
  };
}
