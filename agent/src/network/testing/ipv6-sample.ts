import type { PlanInput } from '../plan-input.ts';
import type { LocalContainer, LocalNetwork } from '../state.ts';
import { SAMPLE_BRIDGE, SAMPLE_INPUT, sampleAttachment, sampleContainer } from './sample-cluster.ts';

/** A host without a cluster: the default bridge, a network with IPv6, and an internal one. For unit tests. */

export const IPV6_BRIDGE: LocalNetwork = {
  ...SAMPLE_BRIDGE,
  id: '6'.repeat(64),
  name: 'six',
  bridgeName: 'skb6',
  groupIndex: 1,
  subnet: '10.6.0.0/24',
  gateway: '10.6.0.1',
  ipv6: { subnet: 'fd00:6::/64', gateway: 'fd00:6::1' },
  isDefault: false,
};

const IPV6_VAULT: LocalNetwork = {
  ...IPV6_BRIDGE,
  id: '7'.repeat(64),
  name: 'vault',
  bridgeName: 'skb7',
  groupIndex: 2,
  subnet: '10.7.0.0/24',
  gateway: '10.7.0.1',
  ipv6: { subnet: 'fd00:7::/80', gateway: 'fd00:7::1' },
  isInternal: true,
};

const leadsTo = { containerId: 'c6', protocol: 'tcp', containerPort: 80 } as const;

export const ipv6SampleContainer: LocalContainer = sampleContainer(
  'c6',
  [
    {
      ...sampleAttachment('c6', IPV6_BRIDGE.id, '10.6.0.2'),
      ipv6: { address: 'fd00:6::2', prefixLength: 64 },
    },
  ],
  {
    publications: [
      { ...leadsTo, hostAddress: '0.0.0.0', hostPort: 8080, address: '10.6.0.2' },
      { ...leadsTo, hostAddress: '::', hostPort: 8080, address: 'fd00:6::2' },
      { ...leadsTo, hostAddress: '2001:db8::1', hostPort: 8081, address: 'fd00:6::2' },
    ],
  },
);

const { cluster: _cluster, ...ALONE } = SAMPLE_INPUT;

export const IPV6_INPUT: PlanInput = {
  ...ALONE,
  host: { ...SAMPLE_INPUT.host, ipv6: { advertisedDevices: ['eth0'] } },
  localNetworks: [SAMPLE_BRIDGE, IPV6_BRIDGE, IPV6_VAULT],
  containers: [ipv6SampleContainer],
};
