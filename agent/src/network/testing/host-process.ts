import { pino } from 'pino';

import { errorMessage } from '@skep/kernel';

import type { LiveNetwork, NetworkRequest, PreparedNetwork } from '../../engine/network-provider.ts';
import type { LocalNetworkSpec } from '../network-api.ts';
import { NetworkManager } from '../network-manager.ts';
import type { NetworkManagerOptions } from '../network-manager.ts';
import type { ClusterNetworkState } from '../state.ts';

/** Commands of the integration tests to a network manager that lives in a host's namespace. */
export interface HostCommands {
  open(options: Omit<NetworkManagerOptions, 'logger'>): void;
  adopt(live: readonly LiveNetwork[]): void;
  setClusterState(state: ClusterNetworkState): void;
  clearClusterState(): void;
  prepare(request: NetworkRequest): PreparedNetwork;
  connect(input: {
    readonly containerId: string;
    readonly network: string;
    readonly address?: string;
  }): PreparedNetwork;
  disconnect(input: { readonly containerId: string; readonly network: string }): PreparedNetwork;
  release(containerId: string): void;
  running(input: { readonly containerId: string; readonly isRunning: boolean }): void;
  createLocalNetwork(spec: LocalNetworkSpec): { readonly id: string; readonly subnet: string };
  stats(input: null): { readonly problems: readonly string[]; readonly reconciles: number };
  removeAll(input: null): void;
  close(input: null): void;
}

export type HostCommand = keyof HostCommands;

export interface HostCall {
  readonly id: number;
  readonly command: HostCommand;
  readonly input: unknown;
}

export interface HostAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

let manager: NetworkManager | undefined;

function opened(): NetworkManager {
  if (manager === undefined) {
    throw new Error('open first');
  }
  return manager;
}

async function run(call: HostCall): Promise<unknown> {
  const input = call.input as never;
  switch (call.command) {
    case 'open':
      manager = await NetworkManager.open({
        ...(input as Omit<NetworkManagerOptions, 'logger'>),
        logger: pino({ level: process.env['SKEP_TEST_LOG'] ?? 'silent' }, pino.destination(2)),
      });
      return undefined;
    case 'adopt':
      return opened().provider.adopt(input);
    case 'setClusterState':
      return opened().setClusterState(input);
    case 'clearClusterState':
      return opened().clearClusterState();
    case 'prepare':
      return opened().provider.prepare(input);
    case 'connect': {
      const { containerId, network, address } = input as Parameters<HostCommands['connect']>[0];
      return opened().provider.connect(containerId, {
        network,
        ...(address === undefined ? {} : { ipv4Address: address }),
      });
    }
    case 'disconnect': {
      const { containerId, network } = input as Parameters<HostCommands['disconnect']>[0];
      return opened().provider.disconnect(containerId, network);
    }
    case 'release':
      return opened().provider.release(input);
    case 'running': {
      const { containerId, isRunning } = input as Parameters<HostCommands['running']>[0];
      opened().provider.running?.(containerId, isRunning);
      return undefined;
    }
    case 'createLocalNetwork': {
      const view = await opened().createLocalNetwork(input);
      return { id: view.id, subnet: view.ipam[0]?.subnet };
    }
    case 'stats':
      return opened().stats();
    case 'removeAll':
      return opened().removeAll();
    case 'close':
      return opened().close();
  }
}

process.on('message', (message) => {
  const call = message as HostCall;
  run(call).then(
    (value) => process.send?.({ id: call.id, value } satisfies HostAnswer),
    (error: unknown) => process.send?.({ id: call.id, error: errorMessage(error) } satisfies HostAnswer),
  );
});
process.on('disconnect', () => process.exit(0));
