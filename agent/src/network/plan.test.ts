import { describe, expect, test } from 'vitest';

import { NODE_INDEX_MAX } from './naming.ts';
import type { PlanInput } from './plan-input.ts';
import { overlayMtu, planNetworks, underlayClashes } from './plan.ts';
import { reconcile } from './reconcile.ts';
import { renderOps } from './render-ip.ts';
import { renderNftTable } from './render-nft.ts';
import {
  SAMPLE_CLUSTER,
  SAMPLE_INPUT,
  sampleContainer,
  sampleEndpoint,
  sampleNetwork,
} from './testing/sample-cluster.ts';

const cluster = (change: Partial<typeof SAMPLE_CLUSTER>): PlanInput => ({
  ...SAMPLE_INPUT,
  cluster: { ...SAMPLE_CLUSTER, ...change },
});

const chain = (input: PlanInput, name: string): readonly string[] | undefined =>
  planNetworks(input).nft.chains.get(name)?.rules;

describe('the plan of a host in a cluster', () => {
  test('is, as commands of iproute2, the golden text', async () => {
    const plan = planNetworks(SAMPLE_INPUT);
    expect(plan.problems).toEqual([]);
    const found = new Map(
      [...plan.kernel].filter(([, object]) => object.kind === 'link' && object.type === 'veth'),
    );
    const rendered = renderOps(reconcile(plan.kernel, found).additions);
    const text = [
      '# ip -batch',
      ...rendered.ip.lines,
      '# bridge -batch',
      ...rendered.bridge.lines,
      '# /proc/sys/net',
      ...rendered.sysctls.map(({ path, value }) => `${path} = ${value}`),
    ];
    await expect(`${text.join('\n')}\n`).toMatchFileSnapshot('./testdata/plan-ip.txt');
  });

  test('is, as an nft transaction, the golden text', async () => {
    await expect(renderNftTable('ip skep', planNetworks(SAMPLE_INPUT).nft)).toMatchFileSnapshot(
      './testdata/plan-nft.txt',
    );
  });

  test('does not depend on the order of its input', () => {
    const reversed = planNetworks({
      ...SAMPLE_INPUT,
      containers: [...SAMPLE_INPUT.containers].reverse(),
      cluster: {
        ...SAMPLE_CLUSTER,
        networks: [...SAMPLE_CLUSTER.networks].reverse(),
        peers: [...SAMPLE_CLUSTER.peers].reverse(),
        endpoints: [...SAMPLE_CLUSTER.endpoints].reverse(),
      },
    });
    expect(renderNftTable('ip t', reversed.nft)).toBe(renderNftTable('ip t', planNetworks(SAMPLE_INPUT).nft));
    expect(reconcile(reversed.kernel, planNetworks(SAMPLE_INPUT).kernel)).toEqual({
      additions: [],
      removals: [],
      lostVeths: [],
    });
  });

  test('builds ingress without containers, and no other network', () => {
    const devices = [...planNetworks({ ...SAMPLE_INPUT, containers: [] }).kernel.keys()].filter((key) =>
      key.startsWith('link skx'),
    );
    expect(devices).toEqual(['link skx1000']);
  });

  test('keeps the links of a network the managers no longer name, cut off from all others', () => {
    const plan = planNetworks(cluster({ networks: [], endpoints: [], services: [] }));
    const links = [...plan.kernel.values()].filter(
      (object) => object.kind === 'link' && object.type === 'veth',
    );
    expect(links).toHaveLength(4);
    expect(plan.nft.sets.get('same_network')?.elements.size).toBe(1);
  });

  test('without a cluster holds local networks only', () => {
    const { cluster: _cluster, ...alone } = SAMPLE_INPUT;
    const plan = planNetworks(alone);
    expect([...plan.kernel.keys()].some((key) => key.startsWith('rule') || key.includes('skx'))).toBe(false);
    expect(plan.nft.chains.has('mesh_tcp_8080')).toBe(false);
  });
});

describe('endpoints in service', () => {
  test('of a virtual address are all that serve', () => {
    expect(chain(SAMPLE_INPUT, 'svc_web0_1001')).toEqual([
      'dnat to numgen random mod 3 map { 0 : 10.0.1.11, 1 : 10.0.1.12, 2 : 10.0.1.13 }',
    ]);
  });

  test('leave with isServing, and the last one takes the address out of service', () => {
    const only = SAMPLE_CLUSTER.endpoints.map((endpoint) => ({
      ...endpoint,
      isServing: endpoint.taskId === 't2',
    }));
    expect(chain(cluster({ endpoints: only }), 'svc_web0_1001')).toEqual(['dnat to 10.0.1.12']);
    const none = SAMPLE_CLUSTER.endpoints.map((endpoint) => ({ ...endpoint, isServing: false }));
    expect(chain(cluster({ endpoints: none }), 'svc_web0_1001')).toBeUndefined();
    expect(planNetworks(cluster({ endpoints: none })).nft.sets.get('service_vips')?.elements.size).toBe(0);
  });

  test('on this host count only while their container runs', () => {
    const containers = SAMPLE_INPUT.containers.map((container) =>
      container.containerId === 'c1' ? { ...container, isRunning: false } : container,
    );
    expect(chain({ ...SAMPLE_INPUT, containers }, 'svc_web0_1001')?.[0]).not.toContain('10.0.1.11');
    expect(chain({ ...SAMPLE_INPUT, containers }, 'mesh_tcp_8080')).toEqual([
      'meta l4proto tcp dnat to 10.0.0.12 : 80',
    ]);
  });

  test('on hosts that are not ready are used only when there are no others', () => {
    const peers = SAMPLE_CLUSTER.peers.map((peer) => ({ ...peer, isReady: peer.nodeId !== 'n2' }));
    expect(chain(cluster({ peers }), 'svc_web0_1001')?.[0]).not.toContain('10.0.1.12');
    const away = SAMPLE_CLUSTER.endpoints.filter((endpoint) => endpoint.nodeId === 'n2');
    expect(chain(cluster({ peers, endpoints: away }), 'svc_web0_1001')).toEqual(['dnat to 10.0.1.12']);
  });

  test('of the mesh are those of this host, or all when they shall be spread evenly', () => {
    expect(chain(SAMPLE_INPUT, 'mesh_tcp_8080')).toEqual(['meta l4proto tcp dnat to 10.0.0.11 : 80']);
    const even = { ...SAMPLE_INPUT, host: { ...SAMPLE_INPUT.host, meshSpread: 'even' as const } };
    expect(chain(even, 'mesh_tcp_8080')).toEqual([
      'meta l4proto tcp dnat to numgen random mod 2 map { 0 : 10.0.0.11, 1 : 10.0.0.12 } : 80',
    ]);
  });

  test('with dnsrr have no virtual address', () => {
    const services = SAMPLE_CLUSTER.services.map((service) => ({ ...service, mode: 'dnsrr' as const }));
    expect(chain(cluster({ services }), 'svc_web0_1001')).toBeUndefined();
  });
});

describe('what cannot be planned', () => {
  test('a mesh port that a process of the host holds is left to it and named', () => {
    const host = { ...SAMPLE_INPUT.host, heldPorts: new Set(['tcp/8080']) };
    const plan = planNetworks({ ...SAMPLE_INPUT, host });
    expect(plan.nft.chains.has('mesh_tcp_8080')).toBe(false);
    expect(plan.problems).toEqual([expect.stringContaining('port 8080/tcp of service web is in use')]);
  });

  test('a subnet that is no IPv4 is named', () => {
    const networks = [sampleNetwork('six', 5000, 'fd00::/64', { isIngress: true })];
    const plan = planNetworks(cluster({ networks }));
    expect(plan.problems).toEqual([expect.stringContaining('network six: subnet fd00::/64')]);
  });

  test('a node without a mesh index is named', () => {
    const host = { ...SAMPLE_INPUT.host, nodeIndexes: new Map([['n2', 1]]) };
    expect(planNetworks({ ...SAMPLE_INPUT, host }).problems).toEqual([
      expect.stringContaining(`at most ${String(NODE_INDEX_MAX)} nodes`),
    ]);
  });

  test('an endpoint outside its network is left out, whatever it says', () => {
    const endpoints = [
      sampleEndpoint('t9', 'n2', 'front', '10.88.0.3'),
      sampleEndpoint('t8', 'n2', 'front', 'x; drop'),
    ];
    const text = renderNftTable('ip t', planNetworks(cluster({ endpoints })).nft);
    expect(text).not.toContain('drop }');
    expect(planNetworks(cluster({ endpoints })).kernel.has('route 5300 10.88.0.3/32')).toBe(false);
  });

  test('ids with other signs cannot leave their place in the rules', () => {
    const id = 'a{};flush ruleset\n';
    const services = SAMPLE_CLUSTER.services.map((service) => ({ ...service, id }));
    const endpoints = SAMPLE_CLUSTER.endpoints.map((endpoint) => ({ ...endpoint, serviceId: id }));
    const text = renderNftTable('ip t', planNetworks(cluster({ services, endpoints })).nft);
    expect(text).toContain('svc_aflushruleset_1001');
    expect(text).not.toContain('flush ruleset');
  });

  test('a network that covers a host is named', () => {
    const networks = [...SAMPLE_CLUSTER.networks, sampleNetwork('lan', 4200, '10.88.0.0/24')];
    expect(underlayClashes(cluster({ networks }))).toEqual([
      expect.stringContaining('network lan: its subnet'),
    ]);
    expect(underlayClashes(SAMPLE_INPUT)).toEqual([]);
  });
});

test.each([
  ['the underlay minus the overhead', {}, 1450],
  ['the option of the network', { 'com.docker.network.driver.mtu': '1400' }, 1400],
  ['not an option that is no size', { 'com.docker.network.driver.mtu': '9' }, 1450],
])('the MTU of an overlay network is %s', (_name, driverOpts, expected) => {
  expect(overlayMtu(sampleNetwork('n', 1, '10.0.0.0/24', { driverOpts }), 1500)).toBe(expected);
});

test('a container on no network plans nothing', () => {
  const plan = planNetworks({ ...SAMPLE_INPUT, containers: [sampleContainer('c9', [])] });
  expect([...plan.kernel.keys()].filter((key) => key.startsWith('link skv'))).toEqual([]);
});
