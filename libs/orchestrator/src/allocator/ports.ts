import { fail, ok, type Result } from '@skep/kernel';
import { DYNAMIC_PORT_FIRST, DYNAMIC_PORT_LAST, type PortConfig, type Service } from '@skep/model';
import type { ReadTx } from '@skep/store';

/** Whether a service has ports on the routing mesh, so that its tasks join the ingress network. */
export function needsIngress(spec: Service['spec']): boolean {
  return (spec.endpoint?.ports ?? []).some((port) => port.publishMode === 'ingress');
}

const isChosen = (port: PortConfig): boolean => port.publishedPort !== undefined && port.publishedPort !== 0;

/**
 * The ports of a service with every ingress port given. A port that was chosen dynamically before stays as it is as
 * long as the spec asks for the same. Host-mode ports without a number are chosen by the node.
 */
export function choosePorts(tx: ReadTx, service: Service): Result<PortConfig[]> {
  const ports: PortConfig[] = [];
  const taken = new Set<string>();
  for (const port of service.spec.endpoint?.ports ?? []) {
    if (port.publishMode === 'host' || isChosen(port)) {
      ports.push(port);
      continue;
    }
    const former = service.endpoint?.ports.find(
      (other) =>
        other.publishMode === 'ingress' &&
        other.protocol === port.protocol &&
        other.targetPort === port.targetPort &&
        other.name === port.name &&
        !taken.has(keyOf(other.protocol, other.publishedPort)),
    );
    const publishedPort = former?.publishedPort ?? firstFreePort(tx, port.protocol, taken);
    if (publishedPort === undefined) {
      return fail(
        'resource_exhausted',
        `no port from ${String(DYNAMIC_PORT_FIRST)} to ${String(DYNAMIC_PORT_LAST)} is free for ${port.protocol}`,
      );
    }
    taken.add(keyOf(port.protocol, publishedPort));
    ports.push({ ...port, publishedPort });
  }
  return ok(ports);
}

const keyOf = (protocol: string, port: number | undefined): string => `${protocol}/${String(port)}`;

function firstFreePort(tx: ReadTx, protocol: string, taken: ReadonlySet<string>): number | undefined {
  for (let port = DYNAMIC_PORT_FIRST; port <= DYNAMIC_PORT_LAST; port += 1) {
    if (tx.ownerOfIngressPort(protocol, port) === undefined && !taken.has(keyOf(protocol, port))) {
      return port;
    }
  }
  return undefined;
}

/** Ports that each task of a service binds on its own node. */
export function hostModePorts(spec: Service['spec']): PortConfig[] {
  return (spec.endpoint?.ports ?? []).filter((port) => port.publishMode === 'host');
}
