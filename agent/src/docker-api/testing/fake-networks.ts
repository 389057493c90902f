import { SwarmError } from '@skep/kernel';

import type { NetworkProvider } from '../../engine/network-provider.ts';
import type { LocalNetworkSpec, NetworkApi, NetworkStats, NetworkView } from '../../network/network-api.ts';

function view(id: string, name: string, driver: NetworkView['driver']): NetworkView {
  return {
    id: id.padEnd(64, '0'),
    name,
    createdAtMs: 1_700_000_000_000,
    scope: 'local',
    driver,
    isInternal: false,
    isAttachable: false,
    isIngress: false,
    isIpv6: false,
    ipam: driver === 'bridge' ? [{ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }] : [],
    options: {},
    labels: {},
    containers: [],
    peers: [],
  };
}

/** The local networks of one host, in memory. */
export class FakeNetworks implements NetworkApi {
  readonly views = new Map<string, NetworkView>(
    [view('b1', 'bridge', 'bridge'), view('h1', 'host', 'host'), view('a1', 'none', 'null')].map((one) => [
      one.name,
      one,
    ]),
  );

  get provider(): NetworkProvider {
    throw new SwarmError('unimplemented', 'the fake has no provider');
  }

  async setClusterState(): Promise<void> {
    await Promise.resolve();
  }

  async clearClusterState(): Promise<void> {
    await Promise.resolve();
  }

  async createLocalNetwork(spec: LocalNetworkSpec): Promise<NetworkView> {
    const made: NetworkView = {
      ...view(`l${String(this.views.size)}`, spec.name, 'bridge'),
      isInternal: spec.isInternal ?? false,
      labels: spec.labels ?? {},
      options: spec.options ?? {},
    };
    this.views.set(spec.name, made);
    return made;
  }

  async removeLocalNetwork(network: string): Promise<void> {
    const found = this.inspectNetwork(network);
    if (['bridge', 'host', 'none'].includes(found.name)) {
      throw new SwarmError(
        'failed_precondition',
        `${found.name} is a pre-defined network and cannot be removed`,
      );
    }
    this.views.delete(found.name);
  }

  async pruneLocalNetworks(filter: (network: NetworkView) => boolean = () => true): Promise<string[]> {
    const gone = [...this.views.values()].filter(
      (one) => !['bridge', 'host', 'none'].includes(one.name) && filter(one),
    );
    for (const one of gone) {
      this.views.delete(one.name);
    }
    return gone.map(({ name }) => name);
  }

  inspectNetwork(network: string): NetworkView {
    const found = [...this.views.values()].find(
      (one) => one.name === network || one.id === network || one.id.startsWith(network),
    );
    if (found === undefined) {
      throw new SwarmError('not_found', `network ${network} not found`);
    }
    return found;
  }

  listNetworks(): NetworkView[] {
    return [...this.views.values()];
  }

  stats(): NetworkStats {
    return {
      containers: 0,
      localNetworks: 1,
      clusterNetworks: 0,
      peers: 0,
      services: 0,
      endpoints: 0,
      reconciles: 0,
      lastReconcileMs: 0,
      failures: 0,
      problems: [],
      dns: { queries: 0, forwarded: 0, failures: 0 },
    };
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  async removeAll(): Promise<void> {
    await Promise.resolve();
  }
}
