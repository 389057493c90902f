import { expect, test } from 'vitest';

import { joinableNetworks } from './container-plan.ts';
import {
  adoptedAttachments,
  disconnectLines,
  gatewaysOf,
  publicationTarget,
  repointed,
} from './container-state.ts';
import { IPV6_BRIDGE, ipv6SampleContainer } from './testing/ipv6-sample.ts';
import { SAMPLE_BRIDGE, sampleAttachment } from './testing/sample-cluster.ts';

const FOUR = { ...SAMPLE_BRIDGE, id: '4'.repeat(64), name: 'four', isDefault: false };
const networks = joinableNetworks([IPV6_BRIDGE, FOUR], []);
const [six] = ipv6SampleContainer.attachments;
const four = sampleAttachment('c6', FOUR.id, '172.17.0.9', 'eth1');
if (six === undefined) {
  throw new Error('there is no attachment');
}
const request = { attachments: [{ network: 'four', gatewayPriority: 5 }, { network: 'six' }] };
const gateways = gatewaysOf([six, four], networks, request);

test('each family has its own default route', () => {
  expect(gateways).toEqual({ ipv4: FOUR.id, ipv6: IPV6_BRIDGE.id });
  expect(gatewaysOf([four], networks, request)).toEqual({ ipv4: FOUR.id, ipv6: undefined });
});

test('publications lead to the address of their family', () => {
  expect(publicationTarget([six, four], gateways, '0.0.0.0')).toBe('172.17.0.9');
  expect(publicationTarget([six, four], gateways, '::1')).toBe('fd00:6::2');
  expect(publicationTarget([four], { ipv4: FOUR.id, ipv6: undefined }, '::')).toBeUndefined();
});

test('when the address of IPv6 goes, so do the publications that led to it', () => {
  const left = repointed({ ...ipv6SampleContainer, attachments: [four] }, { ipv4: FOUR.id, ipv6: undefined });
  expect(left.publications).toEqual([
    { ...ipv6SampleContainer.publications[0], hostAddress: '0.0.0.0', address: '172.17.0.9' },
  ]);
});

test('leaving a network hands on the default routes it carried', () => {
  const left = { attachments: [four], networks, gateways: gatewaysOf([four], networks, request) };
  expect(disconnectLines(six, { ...left, before: { ipv4: IPV6_BRIDGE.id, ipv6: IPV6_BRIDGE.id } })).toEqual([
    [4, ['link del dev eth0', 'route replace default via 172.17.0.1 dev eth1']],
  ]);
  const other = { attachments: [six], networks, gateways: gatewaysOf([six], networks, request) };
  expect(disconnectLines(four, { ...other, before: { ipv4: FOUR.id, ipv6: FOUR.id } })).toEqual([
    [4, ['link del dev eth1', 'route replace default via 10.6.0.1 dev eth0']],
    [6, ['route replace default via fd00:6::1 dev eth0']],
  ]);
  expect(disconnectLines(four, { ...other, before: other.gateways })).toEqual([[4, ['link del dev eth1']]]);
});

test('a container that was there before is taken over with both families', () => {
  const entry = {
    networkId: IPV6_BRIDGE.id,
    networkName: 'six',
    endpointId: six.endpointId,
    interfaceName: 'eth0',
    macAddress: six.macAddress,
    ipv4Address: '10.6.0.2/24',
    ipv6Address: 'fd00:6::2/64',
    aliases: [],
    dnsNames: [],
  };
  const { ipv6Address: _, ...plain } = entry;
  const adopted = (interfaces: readonly (typeof plain)[]): unknown =>
    adoptedAttachments('c6', { netnsPath: '', hostsEntries: [], resolvConf: '', interfaces, ports: [] });
  expect(adopted([entry])).toEqual([six]);
  const { ipv6: _six, ...without } = six;
  expect(adopted([plain])).toEqual([without]);
});
