import type { WireEndpoint, WireNetwork } from '@skep/wire';

import { DEFAULT_NAMING, containerMac, endpointIdOf } from '../naming.ts';
import type { PlanInput } from '../plan-input.ts';
import type { ClusterNetworkState, LocalAttachment, LocalContainer, LocalNetwork } from '../state.ts';

/** Two hosts, one service behind the mesh, one internal network: seen from host n1. For unit tests. */

export const sampleNetwork = (
  id: string,
  vni: number,
  subnet: string,
  more: Partial<WireNetwork> = {},
): WireNetwork => ({
  id,
  name: id,
  vni,
  subnets: [{ subnet, gateway: subnet.replace(/0\/24$/, '1') }],
  isInternal: false,
  isIngress: false,
  isAttachable: false,
  ...more,
});

export const sampleEndpoint = (
  taskId: string,
  nodeId: string,
  networkId: string,
  address: string,
): WireEndpoint => ({
  id: `${taskId}/${networkId}`,
  taskId,
  taskName: `web.1.${taskId}`,
  serviceId: 'web0',
  nodeId,
  networkId,
  address,
  isServing: true,
});

export const SAMPLE_CLUSTER: ClusterNetworkState = {
  self: { nodeId: 'n1', dataPathAddr: '10.88.0.1', dataPathPort: 4789 },
  networks: [
    sampleNetwork('ingress', 4096, '10.0.0.0/24', { isIngress: true }),
    sampleNetwork('front', 4097, '10.0.1.0/24'),
    sampleNetwork('unused', 4098, '10.0.2.0/24'),
    sampleNetwork('inner', 4099, '10.0.3.0/24', { isInternal: true }),
  ],
  peers: [
    { nodeId: 'n2', hostname: 'n2', addr: '10.88.0.2', isReady: true },
    { nodeId: 'n3', hostname: 'n3', addr: '10.88.0.3', isReady: true },
  ],
  services: [
    {
      id: 'web0',
      name: 'web',
      mode: 'vip',
      virtualIps: [
        { networkId: 'ingress', address: '10.0.0.2' },
        { networkId: 'front', address: '10.0.1.2' },
      ],
      ingressPorts: [{ protocol: 'tcp', targetPort: 80, publishedPort: 8080, publishMode: 'ingress' }],
      aliases: [{ networkId: 'front', names: ['www'] }],
    },
  ],
  endpoints: [
    sampleEndpoint('t1', 'n1', 'ingress', '10.0.0.11'),
    sampleEndpoint('t1', 'n1', 'front', '10.0.1.11'),
    sampleEndpoint('t2', 'n2', 'ingress', '10.0.0.12'),
    sampleEndpoint('t2', 'n2', 'front', '10.0.1.12'),
    sampleEndpoint('t3', 'n3', 'front', '10.0.1.13'),
  ],
};

export const sampleAttachment = (
  containerId: string,
  networkId: string,
  address: string,
  interfaceName = 'eth0',
): LocalAttachment => ({
  containerId,
  networkId,
  endpointId: endpointIdOf(containerId, networkId),
  interfaceName,
  macAddress: containerMac(address),
  address,
  prefixLength: 24,
  aliases: [],
});

export const sampleContainer = (
  containerId: string,
  attachments: readonly LocalAttachment[],
  more: Partial<LocalContainer> = {},
): LocalContainer => ({
  containerId,
  name: containerId,
  hostname: containerId,
  isRunning: true,
  attachments,
  publications: [],
  ...more,
});

export const SAMPLE_BRIDGE: LocalNetwork = {
  id: 'b'.repeat(64),
  name: 'bridge',
  bridgeName: 'skb0',
  groupIndex: 0,
  subnet: '172.17.0.0/16',
  gateway: '172.17.0.1',
  isInternal: false,
  isMasqueraded: true,
  isDefault: true,
  createdAtMs: 0,
  labels: {},
  options: {},
  isAttachable: false,
};

/** Host n1 with the first task of `web`, a container on the internal network and one on the default bridge. */
export const SAMPLE_INPUT: PlanInput = {
  naming: DEFAULT_NAMING,
  host: {
    underlayMtu: 1500,
    allRpFilter: 0,
    nodeIndexes: new Map([
      ['n2', 1],
      ['n3', 2],
    ]),
    heldPorts: new Set(),
    meshSpread: 'prefer-local',
  },
  localNetworks: [SAMPLE_BRIDGE],
  containers: [
    sampleContainer('c1', [
      sampleAttachment('c1', 'ingress', '10.0.0.11'),
      sampleAttachment('c1', 'front', '10.0.1.11', 'eth1'),
    ]),
    sampleContainer('c2', [sampleAttachment('c2', 'inner', '10.0.3.11')]),
    sampleContainer('c3', [sampleAttachment('c3', SAMPLE_BRIDGE.id, '172.17.0.2')], {
      publications: [
        {
          containerId: 'c3',
          protocol: 'tcp',
          hostAddress: '0.0.0.0',
          hostPort: 8081,
          address: '172.17.0.2',
          containerPort: 80,
        },
        {
          containerId: 'c3',
          protocol: 'udp',
          hostAddress: '127.0.0.1',
          hostPort: 5300,
          address: '172.17.0.2',
          containerPort: 53,
        },
      ],
    }),
  ],
  cluster: SAMPLE_CLUSTER,
};
