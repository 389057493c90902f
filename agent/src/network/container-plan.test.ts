import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { NetworkRequest } from '../engine/network-provider.ts';
import { failedLines } from './apply.ts';
import { chooseGateway } from './attach.ts';
import type { GatewayCandidate } from './attach.ts';
import {
  findNetwork,
  freeInterfaceName,
  gatewayNetworkOf,
  joinableNetworks,
  planAttachment,
  subnetFor,
  wantedPublications,
} from './container-plan.ts';
import { assignNodeIndexes } from './host-network.ts';
import { findByReference, newLocalNetwork } from './local-networks.ts';
import { DEFAULT_NAMING, NODE_INDEX_MAX } from './naming.ts';
import { SAMPLE_BRIDGE, SAMPLE_CLUSTER, sampleAttachment, sampleNetwork } from './testing/sample-cluster.ts';

const NETWORKS = joinableNetworks([SAMPLE_BRIDGE], SAMPLE_CLUSTER.networks);

const REQUEST: NetworkRequest = {
  containerId: 'c',
  containerName: 'c',
  hostname: 'c',
  mode: 'bridge',
  attachments: [{ network: 'bridge' }],
  publications: [{ containerPort: 80, protocol: 'tcp', hostPort: 8080 }],
  publishAllPorts: true,
  exposedPorts: ['80/tcp', '81', '53/udp', 'x/tcp'],
  dns: {},
  labels: {},
  sysctls: {},
};

describe('attachments', () => {
  test('take the next address and the address the managers gave', () => {
    const plan = (network: string, ipv4Address?: string): unknown =>
      planAttachment({
        containerId: 'c',
        interfaceName: 'eth0',
        wanted: { network, ...(ipv4Address === undefined ? {} : { ipv4Address }) },
        network: findNetwork(NETWORKS, network),
        taken: new Set(['172.17.0.2']),
      });
    expect(plan('bridge')).toMatchObject({
      address: '172.17.0.3',
      prefixLength: 16,
      macAddress: '02:42:ac:11:00:03',
    });
    expect(plan('front', '10.0.1.9')).toMatchObject({
      address: '10.0.1.9',
      prefixLength: 24,
      networkId: 'front',
    });
    expect(() => plan('front')).toThrow(/only the managers give addresses/);
    expect(() => plan('front', '10.9.9.9')).toThrow(/is in no subnet of network front/);
    expect(() => plan('nowhere')).toThrow(/network nowhere not found/);
  });

  test('have the lowest free interface name', () => {
    expect(freeInterfaceName([])).toBe('eth0');
    expect(freeInterfaceName([sampleAttachment('c', 'a', '10.0.0.2', 'eth1')])).toBe('eth0');
    expect(
      freeInterfaceName([
        sampleAttachment('c', 'a', '10.0.0.2', 'eth0'),
        sampleAttachment('c', 'b', '10.0.1.2', 'eth1'),
      ]),
    ).toBe('eth2');
  });
});

describe('the default route', () => {
  const candidate = (networkId: string, more: Partial<GatewayCandidate> = {}): GatewayCandidate => ({
    networkId,
    isIngress: false,
    isInternal: false,
    isBridge: false,
    priority: 0,
    ...more,
  });

  test.each([
    ['the first network', [candidate('a'), candidate('b')], 'a'],
    ['a bridge before an overlay', [candidate('a'), candidate('b', { isBridge: true })], 'b'],
    ['the greatest priority', [candidate('a', { isBridge: true }), candidate('b', { priority: 1 })], 'b'],
    ['ingress before all', [candidate('a', { priority: 9 }), candidate('i', { isIngress: true })], 'i'],
    ['never an internal network', [candidate('a', { isInternal: true, priority: 9 }), candidate('b')], 'b'],
    ['nowhere', [candidate('a', { isInternal: true })], undefined],
  ])('goes by %s', (_name, candidates, expected) => {
    expect(chooseGateway(candidates)).toBe(expected);
  });

  test('follows the priority of the request, by name or id', () => {
    const attachments = [
      sampleAttachment('c', 'front', '10.0.1.5'),
      sampleAttachment('c', 'unused', '10.0.2.5'),
    ];
    expect(gatewayNetworkOf(attachments, NETWORKS, [])).toBe('front');
    expect(gatewayNetworkOf(attachments, NETWORKS, [{ network: 'unused', gatewayPriority: 1 }])).toBe(
      'unused',
    );
  });
});

test('-P adds the exposed ports that are not published anyway', () => {
  expect(wantedPublications(REQUEST)).toEqual([
    { containerPort: 80, protocol: 'tcp', hostPort: 8080 },
    { containerPort: 81, protocol: 'tcp' },
    { containerPort: 53, protocol: 'udp' },
  ]);
  expect(wantedPublications({ ...REQUEST, publishAllPorts: false })).toHaveLength(1);
});

test('a network with several subnets answers the one of the address', () => {
  const subnets = [
    { subnet: '10.1.0.0/24', gateway: '10.1.0.1' },
    { subnet: '10.2.0.0/24', gateway: '10.2.0.1' },
  ];
  const network = {
    kind: 'overlay',
    id: 'n',
    name: 'n',
    network: { ...sampleNetwork('n', 5, '10.1.0.0/24'), subnets },
  } as const;
  expect(subnetFor(network, '10.2.0.9').gateway).toBe('10.2.0.1');
  expect(subnetFor(network, undefined).gateway).toBe('10.1.0.1');
});

describe('indexes of nodes in the mesh', () => {
  const ids = fc.uniqueArray(fc.constantFrom(...'abcdefghij'.split('')));

  test('are kept, unique and in bounds', () => {
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 6 }), (steps) => {
        let known: ReadonlyMap<string, number> = new Map();
        for (const step of steps) {
          const next = assignNodeIndexes(known, step);
          expect([...next.keys()].sort()).toEqual([...step].sort());
          expect(new Set(next.values()).size).toBe(next.size);
          for (const [nodeId, index] of next) {
            expect(index >= 1 && index <= NODE_INDEX_MAX).toBe(true);
            expect(known.get(nodeId) ?? index).toBe(index);
          }
          known = next;
        }
      }),
    );
  });

  test('of a node that left are not given to the next one', () => {
    const first = assignNodeIndexes(new Map(), ['a', 'b']);
    const second = assignNodeIndexes(first, ['a', 'c']);
    expect(second.get('c')).not.toBe(first.get('b'));
  });

  test('end with the room in the mark', () => {
    const many = Array.from({ length: NODE_INDEX_MAX + 5 }, (_, index) => `n${String(index)}`);
    expect(assignNodeIndexes(new Map(), many).size).toBe(NODE_INDEX_MAX);
  });
});

describe('local networks', () => {
  const make = (spec: Parameters<typeof newLocalNetwork>[0]['spec']): ReturnType<typeof newLocalNetwork> =>
    newLocalNetwork({
      spec,
      id: 'f'.repeat(64),
      naming: DEFAULT_NAMING,
      isDefault: false,
      nowMs: 5,
      existing: [SAMPLE_BRIDGE],
      taken: [SAMPLE_BRIDGE.subnet],
      ipv6Obstacle: undefined,
      hostSeed: 'host',
    });

  test('get what is not said', () => {
    expect(make({ name: 'app' })).toEqual({
      id: 'f'.repeat(64),
      name: 'app',
      bridgeName: 'skbffffffffffff',
      groupIndex: 1,
      subnet: '172.18.0.0/16',
      gateway: '172.18.0.1',
      isInternal: false,
      isMasqueraded: true,
      isDefault: false,
      createdAtMs: 5,
      labels: {},
      options: {},
      isAttachable: false,
    });
  });

  test.each([
    [{ name: '-x' }, /network name "-x" is not valid/],
    [{ name: 'a', driver: 'macvlan' }, /driver macvlan is not a driver for local networks/],
    [{ name: 'a', ipam: [{}, {}] }, /at most one IPv4 subnet/],
    [{ name: 'a', options: { 'com.docker.network.bridge.enable_icc': 'false' } }, /is not supported/],
    [{ name: 'a', options: { 'com.docker.network.bridge.name': 'a b' } }, /is not a name for a device/],
    [{ name: 'a', options: { 'com.docker.network.driver.mtu': '1' } }, /mtu 1 is not a number from/],
  ])('%j is refused', (spec, message) => {
    expect(() => make(spec)).toThrow(message);
  });

  test('are found by name, id and prefix', () => {
    const items = [
      { id: 'abc1', name: 'one' },
      { id: 'abd2', name: 'abc' },
    ];
    expect(findByReference(items, 'abd').name).toBe('abc');
    expect(findByReference(items, 'abc').id).toBe('abd2');
    expect(() => findByReference(items, 'ab')).toThrow(/ambiguous/);
    expect(() => findByReference(items, '')).toThrow(/not found/);
  });
});

test('refusals of iproute2 are told by their line; what is gone already is no refusal', () => {
  const batch = {
    lines: ['route replace 10.0.0.1/32 dev x', 'link del dev y', 'address del 10.0.0.1/32 dev x'],
    ops: [
      {
        type: 'add',
        object: { kind: 'route', table: 1, destination: '10.0.0.1/32', type: 'unicast', device: 'x' },
      },
      { type: 'remove', object: { kind: 'link', type: 'veth', name: 'y', group: 0, isUp: true } },
      { type: 'remove', object: { kind: 'address', device: 'x', address: '10.0.0.1/32' } },
    ],
  } as const;
  const stderr =
    'Cannot find device "x"\nCommand failed -:1\nCannot find device "y"\nCommand failed -:2\n' +
    'RTNETLINK answers: Operation not permitted\nCommand failed -:3\n';
  expect(failedLines(stderr, batch)).toEqual([
    { command: 'route replace 10.0.0.1/32 dev x', reason: 'Cannot find device "x"', device: 'x' },
    {
      command: 'address del 10.0.0.1/32 dev x',
      reason: 'RTNETLINK answers: Operation not permitted',
      device: 'x',
    },
  ]);
});
