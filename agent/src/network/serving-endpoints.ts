import type { WireEndpoint } from '@skep/wire';

import type { ActiveOverlay } from './active-overlays.ts';
import type { PlanInput } from './plan-input.ts';

/**
 * Endpoints that take new connections, by network and service. Those of this host count only while their container
 * runs, whatever the managers believe; those of hosts that are not ready only when a service has no others.
 */
export class ServingEndpoints {
  readonly #byService = new Map<string, WireEndpoint[]>();
  readonly #selfId: string | undefined;
  readonly #readyNodes: ReadonlySet<string>;

  constructor(input: PlanInput, overlays: readonly ActiveOverlay[]) {
    this.#selfId = input.cluster?.self.nodeId;
    this.#readyNodes = new Set(
      (input.cluster?.peers ?? []).filter((peer) => peer.isReady).map((peer) => peer.nodeId),
    );
    const running = new Set(
      input.containers
        .filter((container) => container.isRunning)
        .flatMap((container) => container.attachments)
        .map((attachment) => `${attachment.networkId} ${attachment.address}`),
    );
    for (const overlay of overlays) {
      for (const endpoint of overlay.endpoints) {
        const isHere = endpoint.nodeId === this.#selfId;
        if (endpoint.isServing && (!isHere || running.has(`${endpoint.networkId} ${endpoint.address}`))) {
          const key = `${overlay.network.id} ${endpoint.serviceId}`;
          const list = this.#byService.get(key);
          if (list === undefined) {
            this.#byService.set(key, [endpoint]);
          } else {
            list.push(endpoint);
          }
        }
      }
    }
  }

  /** Plain addresses in a stable order. */
  addressesOf(networkId: string, serviceId: string): readonly string[] {
    const serving = this.#byService.get(`${networkId} ${serviceId}`) ?? [];
    const reachable = serving.filter(
      (endpoint) => endpoint.nodeId === this.#selfId || this.#readyNodes.has(endpoint.nodeId),
    );
    return addresses(reachable.length > 0 ? reachable : serving);
  }

  /** As {@link addressesOf}, those of this host only. */
  localAddressesOf(networkId: string, serviceId: string): readonly string[] {
    const serving = this.#byService.get(`${networkId} ${serviceId}`) ?? [];
    return addresses(serving.filter((endpoint) => endpoint.nodeId === this.#selfId));
  }
}

function addresses(endpoints: readonly WireEndpoint[]): string[] {
  return [...new Set(endpoints.map((endpoint) => endpoint.address))].sort();
}
