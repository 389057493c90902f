import { describe, expect, test } from 'vitest';

import { containerRequests, ipv6Sysctls } from './attach.ts';
import { hostAddressesOf, joinableNetworks, planAttachment, preparedNetwork } from './container-plan.ts';
import { ipv6SampleContainer, IPV6_BRIDGE, IPV6_INPUT } from './testing/ipv6-sample.ts';
import { HostNetwork } from './host-network.ts';
import { newLocalNetwork } from './local-networks.ts';
import { DEFAULT_NAMING } from './naming.ts';
import { encodeBatch } from './netlink.ts';
import { planNetworks } from './plan.ts';
import { reconcile } from './reconcile.ts';
import { renderOps } from './render-ip.ts';
import { renderNftTable } from './render-nft.ts';
import { SAMPLE_BRIDGE, SAMPLE_INPUT } from './testing/sample-cluster.ts';

const [NETWORK] = joinableNetworks([IPV6_BRIDGE], []);
if (NETWORK === undefined) {
  throw new Error('there is no network');
}

describe('the plan of a host with IPv6 networks', () => {
  test('is the golden text, for iproute2 and nft', async () => {
    const plan = planNetworks(IPV6_INPUT);
    expect(plan.problems).toEqual([]);
    const rendered = renderOps(
      reconcile(plan.kernel, new Map([...plan.kernel].filter(([key]) => key.startsWith('link skp'))))
        .additions,
    );
    const text = [
      '# ip -6 -batch',
      ...rendered.ip6.lines,
      '# /proc/sys/net',
      ...rendered.sysctls.map(({ path, value }) => `${path} = ${value}`),
      '# nft',
      plan.nft6 === undefined ? '' : renderNftTable('ip6 skep', plan.nft6),
    ];
    await expect(text.join('\n')).toMatchFileSnapshot('./testdata/plan-ipv6.txt');
    // Nothing of IPv6 gets into the commands and the table of IPv4.
    expect([...rendered.ip.lines, renderNftTable('ip skep', plan.nft)].join('\n')).not.toMatch(
      /fd00|fe80|::/,
    );
  });

  test('costs a host without them nothing: no table, no parameter, no address', () => {
    const plan = planNetworks({
      ...SAMPLE_INPUT,
      host: { ...SAMPLE_INPUT.host, ipv6: { advertisedDevices: ['eth0'] } },
    });
    expect(plan.nft6).toBeUndefined();
    expect([...plan.kernel.keys()].filter((key) => key.includes('ipv6') || key.includes('::'))).toEqual([]);
  });

  test('leaves IPv6 out, and says so, where the host has lost it', () => {
    const { ipv6: _, ...host } = IPV6_INPUT.host;
    const plan = planNetworks({ ...IPV6_INPUT, host });
    expect(plan.nft6).toBeUndefined();
    expect(plan.problems).toEqual([
      'network six: this host has no IPv6 now; its containers have IPv4 only',
      'network vault: this host has no IPv6 now; its containers have IPv4 only',
    ]);
    const state = new HostNetwork({ naming: DEFAULT_NAMING, meshSpread: 'even' });
    state.putLocalNetwork(IPV6_BRIDGE);
    expect(state.usableLocalNetworks().map(({ ipv6 }) => ipv6)).toEqual([undefined]);
    state.observed = { ...state.observed, ipv6: { advertisedDevices: [] } };
    expect(state.usableLocalNetworks()).toEqual([IPV6_BRIDGE]);
  });
});

describe('a container on a network with IPv6', () => {
  const plan = (taken: readonly string[], ipv6Address?: string): ReturnType<typeof planAttachment> =>
    planAttachment({
      containerId: 'c',
      interfaceName: 'eth0',
      wanted: { network: 'six', ...(ipv6Address === undefined ? {} : { ipv6Address }) },
      network: NETWORK,
      taken: new Set(taken),
    });

  test('gets an address of each family, or the one it asks for', () => {
    expect(plan(['fd00:6::2'])).toMatchObject({
      address: '10.6.0.2',
      ipv6: { address: 'fd00:6::3', prefixLength: 64 },
    });
    expect(plan([], 'FD00:6::00AA').ipv6?.address).toBe('fd00:6::aa');
    expect(() => plan(['fd00:6::aa'], 'fd00:6::aa')).toThrow(/already in use/);
    const [four] = joinableNetworks([SAMPLE_BRIDGE], []);
    const wanted = { network: 'bridge', ipv6Address: 'fd00::5' };
    expect(() =>
      planAttachment({
        containerId: 'c',
        interfaceName: 'eth0',
        wanted,
        network: four ?? NETWORK,
        taken: new Set(),
      }),
    ).toThrow(/network bridge has no IPv6 subnet for the address fd00::5/);
  });

  test('is told of them', () => {
    const prepared = preparedNetwork({
      container: ipv6SampleContainer,
      networks: [NETWORK],
      gatewayNetworkId: NETWORK.id,
      netnsPath: '/n',
      resolvConf: '',
    });
    expect(prepared.interfaces[0]).toMatchObject({
      ipv4Address: '10.6.0.2/24',
      ipv6Address: 'fd00:6::2/64',
      ipv6Gateway: 'fd00:6::1',
    });
    expect(prepared.hostsEntries.map(({ address }) => address)).toEqual(['10.6.0.2', 'fd00:6::2']);
  });

  test('has its interface set up by messages, byte for byte', () => {
    const [attachment] = ipv6SampleContainer.attachments;
    if (attachment === undefined) {
      throw new Error('there is no attachment');
    }
    const requests = containerRequests(
      {
        naming: DEFAULT_NAMING,
        attachment,
        bridgeName: 'skb6',
        gateway: '10.6.0.1',
        mtu: 1500,
        group: 0,
        isDefaultRoute: false,
        ipv6: { gateway: 'fd00:6::1', isDefaultRoute: true },
      },
      2,
    );
    expect(encodeBatch(requests.slice(-2), 1).toString('hex')).toBe(
      [
        // length, RTM_NEWADDR, flags, sequence, port
        '40000000' + '1400' + '0506' + '01000000' + '00000000',
        // AF_INET6/64, without duplicate address detection, on device 2; local, address
        '0a400200' + '02000000',
        '14000200' + 'fd000006000000000000000000000002',
        '14000100' + 'fd000006000000000000000000000002',
        '38000000' + '1800' + '0505' + '02000000' + '00000000',
        // AF_INET6/0, main table, boot, universe, unicast; gateway, device
        '0a000000' + 'fe030001' + '00000000',
        '14000500' + 'fd000006000000000000000000000001' + '08000400' + '02000000',
      ].join(''),
    );
    expect(ipv6Sysctls('eth1').at(-1)).toEqual(['ipv6/conf/eth1/disable_ipv6', '0']);
  });
});

test.each([
  [{}, true, ['0.0.0.0', '::']],
  [{}, false, ['0.0.0.0']],
  [{ hostAddress: '' }, true, ['0.0.0.0', '::']],
  [{ hostAddress: '0.0.0.0' }, true, ['0.0.0.0']],
  [{ hostAddress: '::' }, true, ['::']],
  [{ hostAddress: '0:0:0:0:0:0:0:1' }, true, ['::1']],
  [{ hostAddress: '127.0.0.1' }, false, ['127.0.0.1']],
])('a port with %j of a container (IPv6: %s) is published on %j', (port, hasIpv6, expected) => {
  expect(hostAddressesOf({ containerPort: 80, protocol: 'tcp', ...port }, hasIpv6)).toEqual(expected);
});

test('an IPv6 address of the host needs one of the container', () => {
  expect(() => hostAddressesOf({ containerPort: 80, protocol: 'tcp', hostAddress: '::1' }, false)).toThrow(
    /::1 is an IPv6 address, and the container has none to lead to/,
  );
});

describe('a new network', () => {
  const make = (spec: object, obstacle?: string): ReturnType<typeof newLocalNetwork> =>
    newLocalNetwork({
      spec: { name: 'new', ...spec },
      id: 'f'.repeat(64),
      naming: DEFAULT_NAMING,
      isDefault: false,
      nowMs: 5,
      existing: [],
      taken: ['fd00:9::/48'],
      ipv6Obstacle: obstacle,
      hostSeed: 'host',
    });

  test('has IPv6 when it is asked for', () => {
    expect(make({}).ipv6).toBeUndefined();
    expect(make({ isIpv6: true }).ipv6?.subnet).toMatch(/^fd.*::\/64$/);
    const both = make({ isIpv6: true, ipam: [{ subnet: 'fd00:6::/64' }, { subnet: '10.6.0.0/24' }] });
    expect([both.subnet, both.ipv6?.subnet]).toEqual(['10.6.0.0/24', 'fd00:6::/64']);
  });

  test.each([
    [
      { ipam: [{ subnet: 'fd00:6::/64' }] },
      undefined,
      /fd00:6::\/64 is an IPv6 subnet; create the network with --ipv6/,
    ],
    [{ isIpv6: true }, 'IPv6 is disabled', /network new: IPv6 is disabled/],
    [{ isIpv6: true, ipam: [{ subnet: 'fd00:9:0:1::/64' }] }, undefined, /Pool overlaps/],
    [{ isIpv6: true, ipam: [{ subnet: 'fd00:6::1/64' }] }, undefined, /it should be fd00:6::\/64/],
    [
      { isIpv6: true, ipam: [{ subnet: 'fd00:6::/64' }, { subnet: 'fd00:7::/64' }] },
      undefined,
      /at most one IPv6 subnet/,
    ],
  ])('%j is refused', (spec, obstacle, message) => {
    expect(() => make(spec, obstacle)).toThrow(message);
  });
});
