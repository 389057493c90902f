import { describe, expect, test } from 'vitest';

import { keyOf } from './kernel-object.ts';
import { DEFAULT_NAMING } from './naming.ts';
import { parseForeignDevices, parseForeignSubnets, parseListings, parseUnderlayMtu } from './parse-ip.ts';
import type { IpListings } from './parse-ip.ts';
import { droppingForwardChains, ourTableFamilies } from './parse-nft.ts';

const inet = (local: string, prefixlen: number): object => ({ family: 'inet', local, prefixlen });

/** As iproute2 6.1 prints them, shortened to the fields that are read and some that are not. */
const LISTINGS: IpListings = {
  addresses: JSON.stringify([
    {
      ifname: 'eth0',
      mtu: 9000,
      flags: ['UP'],
      group: 'default',
      address: 'aa:bb:cc:00:00:01',
      addr_info: [inet('10.88.0.1', 24), { family: 'inet6', local: 'fe80::1', prefixlen: 64 }],
    },
    {},
    {
      ifname: 'skx1000',
      mtu: 1450,
      flags: ['BROADCAST', 'UP'],
      group: '1375735808',
      address: '02:53:0a:58:00:01',
      linkinfo: {
        info_kind: 'vxlan',
        info_data: { id: 4096, local: '10.88.0.1', port: 4789, learning: false },
      },
      addr_info: [inet('10.0.0.1', 32)],
    },
    {
      ifname: 'skb0',
      mtu: 1500,
      flags: [],
      group: '1392508928',
      address: '02:42:ac:11:00:01',
      linkinfo: { info_kind: 'bridge', info_data: { forward_delay: 1500 } },
      addr_info: [inet('172.17.0.1', 16)],
    },
    {
      ifname: 'skp0123456789ab',
      mtu: 1500,
      flags: ['UP'],
      group: 'default',
      master: 'skb0',
      linkinfo: { info_kind: 'veth', info_slave_kind: 'bridge', info_slave_data: { hairpin: true } },
      addr_info: [],
    },
    {
      ifname: 'docker0',
      mtu: 1500,
      flags: ['UP'],
      group: 'default',
      linkinfo: { info_kind: 'bridge' },
      addr_info: [inet('172.18.0.1', 16)],
    },
    { ifname: 'skvfoo', group: 'default', linkinfo: { info_kind: 'veth' }, addr_info: [] },
  ]),
  routes: JSON.stringify([
    { type: 'unreachable', dst: '10.0.0.0/24', dev: 'lo', table: '5300', flags: [] },
    {
      type: 'unicast',
      dst: '10.0.0.12',
      gateway: '10.88.0.2',
      dev: 'skx1000',
      table: '5300',
      flags: ['onlink'],
    },
    { type: 'unicast', dst: 'default', gateway: '10.88.0.2', dev: 'skx1000', table: '5301' },
    { type: 'unicast', dst: '10.88.0.0/24', dev: 'eth0', table: 'main' },
    { type: 'unicast', dst: 'fe80::/64', dev: 'eth0', table: '5300' },
    { type: 'unicast', dst: '10.5.0.0/24', dev: 'eth0', table: '99999' },
  ]),
  rules: JSON.stringify([
    { priority: 0, src: 'all', table: 'local' },
    { priority: 5300, src: 'all', fwmark: '0', fwmask: '0xfff00000', goto: 9396 },
    { priority: 5301, src: 'all', fwmark: '0x100000', fwmask: '0xfff00000', table: '5301' },
    { priority: 9396, src: 'all', table: '5300' },
  ]),
  neighbours: JSON.stringify([
    { dst: '10.88.0.2', dev: 'skx1000', lladdr: '02:53:0a:58:00:02', state: ['PERMANENT'] },
    { dst: '10.88.0.9', dev: 'eth0', lladdr: 'aa:bb:cc:00:00:09', state: ['PERMANENT'] },
  ]),
  fdb: JSON.stringify([
    { mac: '02:53:0a:58:00:02', ifname: 'skx1000', dst: '10.88.0.2', flags: ['self'], state: 'permanent' },
    { mac: '33:33:00:00:00:01', ifname: 'skb0', flags: ['self'], state: 'permanent' },
  ]),
};

describe('listings of the kernel', () => {
  test('are told apart into ours and foreign', () => {
    expect(parseListings(DEFAULT_NAMING, LISTINGS).map((object) => keyOf(object))).toEqual([
      'link skx1000',
      'address skx1000 10.0.0.1/32',
      'link skb0',
      'address skb0 172.17.0.1/16',
      'link skp0123456789ab',
      'route 5300 10.0.0.0/24',
      'route 5300 10.0.0.12/32',
      'route 5301 0.0.0.0/0',
      'rule 5300',
      'rule 5301',
      'rule 9396',
      'neighbour skx1000 10.88.0.2',
      'fdb skx1000 02:53:0a:58:00:02',
    ]);
  });

  test('give objects in the form the plan uses', () => {
    const objects = parseListings(DEFAULT_NAMING, LISTINGS);
    expect(objects).toContainEqual({
      kind: 'link',
      type: 'vxlan',
      name: 'skx1000',
      vni: 4096,
      local: '10.88.0.1',
      port: 4789,
      macAddress: '02:53:0a:58:00:01',
      mtu: 1450,
      group: 0x52001000,
      isUp: true,
    });
    expect(objects).toContainEqual({
      kind: 'link',
      type: 'veth',
      name: 'skp0123456789ab',
      group: 0,
      isUp: true,
      master: 'skb0',
      isHairpin: true,
    });
    expect(objects).toContainEqual({
      kind: 'rule',
      priority: 5301,
      mark: { value: 0x100000, mask: 0xfff00000 },
      action: { type: 'lookup', table: 5301 },
    });
    expect(objects).toContainEqual({
      kind: 'route',
      table: 5300,
      destination: '10.0.0.0/24',
      type: 'unreachable',
    });
  });

  test('name the subnets of the host and the MTU of its underlay', () => {
    expect(parseForeignSubnets(DEFAULT_NAMING, LISTINGS.addresses)).toEqual([
      '10.88.0.1/24',
      '172.18.0.1/16',
    ]);
    expect(parseUnderlayMtu(LISTINGS.addresses, '10.88.0.1')).toBe(9000);
    expect(parseUnderlayMtu(LISTINGS.addresses, '10.88.0.7')).toBeUndefined();
  });

  test('that are none are refused by name', () => {
    expect(() => parseListings(DEFAULT_NAMING, { ...LISTINGS, rules: 'Usage: ip rule' })).toThrow(
      /ip rule printed/,
    );
    expect(() => parseListings(DEFAULT_NAMING, { ...LISTINGS, fdb: '[{"mac":5}]' })).toThrow(
      /bridge fdb printed/,
    );
    const empty = { addresses: '', routes: '[]', rules: '[]', neighbours: '[]', fdb: '' };
    expect(parseListings(DEFAULT_NAMING, empty)).toEqual([]);
  });
});

test('of IPv6, the addresses that we give a bridge are ours, and those of the host are foreign', () => {
  const inet6 = (local: string): object => ({ family: 'inet6', local, prefixlen: 64 });
  const addresses = JSON.stringify([
    { ifname: 'lo', flags: ['LOOPBACK'], addr_info: [inet6('::1')] },
    { ifname: 'eth0', flags: ['UP'], addr_info: [inet6('2001:db8::1'), inet6('fe80::9')] },
    {
      ifname: 'skb0',
      group: '1392508928',
      linkinfo: { info_kind: 'bridge' },
      addr_info: [inet6('fd00:6::1'), inet6('fe80::1'), inet6('fe80::42')],
    },
  ]);
  const objects = parseListings(DEFAULT_NAMING, {
    addresses,
    routes: '',
    rules: '',
    neighbours: '',
    fdb: '',
  });
  expect(objects.filter(({ kind }) => kind === 'address')).toEqual([
    { kind: 'address', device: 'skb0', address: 'fd00:6::1/64' },
    { kind: 'address', device: 'skb0', address: 'fe80::1/64' },
  ]);
  expect(parseForeignSubnets(DEFAULT_NAMING, addresses)).toEqual(['2001:db8::1/64']);
  expect(parseForeignDevices(DEFAULT_NAMING, addresses)).toEqual(['eth0']);
});

test('our tables are found by family', () => {
  const chain = (family: string, table: string): object => ({ chain: { family, table, name: 'c' } });
  const listing = (...chains: object[]): string => JSON.stringify({ nftables: chains });
  const families = (text: string): unknown => [...ourTableFamilies('skep', text)];
  expect(families(listing(chain('ip', 'skep'), chain('ip6', 'skep'), chain('inet', 'skep')))).toEqual([4, 6]);
  expect(families(listing(chain('ip6', 'other')))).toEqual([]);
  expect(families('none')).toEqual([]);
});

test('chains of others that drop what is forwarded are found', () => {
  const chain = (family: string, table: string, name: string, policy: string): object => ({
    chain: { family, table, name, handle: 1, type: 'filter', hook: 'forward', prio: 0, policy },
  });
  const text = JSON.stringify({
    nftables: [
      { metainfo: { version: '1.0.6' } },
      chain('ip', 'filter', 'FORWARD', 'drop'),
      chain('ip', 'skep', 'forward', 'drop'),
      chain('ip6', 'filter', 'FORWARD', 'drop'),
      chain('inet', 'fw', 'fwd', 'accept'),
      { chain: { family: 'ip', table: 'filter', name: 'DOCKER', handle: 2 } },
    ],
  });
  expect(droppingForwardChains('skep', text)).toEqual(['ip filter FORWARD']);
  expect(droppingForwardChains('skep', 'no json')).toEqual([]);
});
