import { describe, expect, test } from 'vitest';

import { containerRequests, hostRequests } from './attach.ts';
import type { InterfacePlan } from './attach.ts';
import { DEFAULT_NAMING } from './naming.ts';
import { addAddress, addRoute, decodeAnswers, encodeBatch } from './netlink.ts';
import { sampleAttachment } from './testing/sample-cluster.ts';

const ROUTED: InterfacePlan = {
  naming: DEFAULT_NAMING,
  attachment: sampleAttachment('c', 'front', '10.0.1.11'),
  bridgeName: undefined,
  group: 0x520003e9,
  gateway: '10.0.1.1',
  mtu: 1450,
  isDefaultRoute: true,
};
const BRIDGED: InterfacePlan = { ...ROUTED, bridgeName: 'skb0', group: 0 };

const whatOf = (requests: readonly { readonly what: string }[]): string[] => requests.map(({ what }) => what);

describe('a new interface', () => {
  test('on a routed network reaches all others through the host without asking', () => {
    expect(whatOf(containerRequests(ROUTED, 2))).toEqual([
      'give the address',
      'bring up interface eth0',
      'set the gateway',
      'set a route',
      'set a route',
      'set a route',
    ]);
    const [pair] = hostRequests(ROUTED, 9, undefined);
    // The host's end: its name, and the hardware address that all routed ones have.
    expect(pair?.body.includes('skv')).toBe(true);
    expect(pair?.body.includes(Buffer.from('025300000001', 'hex'))).toBe(true);
    // The container's end: its name, its own hardware address.
    expect(pair?.body.includes('eth0\0')).toBe(true);
    expect(pair?.body.includes(Buffer.from('02420a00010b', 'hex'))).toBe(true);
  });

  test('on a bridge is a port that may send back what it gets, once the bridge is there', () => {
    expect(whatOf(containerRequests({ ...BRIDGED, isDefaultRoute: false }, 2))).toEqual([
      'give the address',
      'bring up interface eth0',
    ]);
    const steps = (bridgeIndex: number | undefined): number => hostRequests(BRIDGED, 9, bridgeIndex).length;
    expect([steps(5), steps(undefined)]).toEqual([4, 3]);
  });
});

describe('messages to the kernel', () => {
  const address = addAddress({ deviceIndex: 2, address: 0x0a00010b, prefixLength: 24 });
  const route = addRoute({ deviceIndex: 2, destination: 0, prefixLength: 0, gateway: 0x0a000101 });

  test('are as the kernel reads them, byte for byte', () => {
    expect(encodeBatch([address, route], 7).toString('hex')).toBe(
      [
        // length, RTM_NEWADDR, flags, sequence, port
        '30000000' + '1400' + '0506' + '07000000' + '00000000',
        // AF_INET/24 on device 2; local, address, flags "no route of the subnet"
        '02180000' + '02000000' + '08000200' + '0a00010b' + '08000100' + '0a00010b' + '08000800' + '00020000',
        '2c000000' + '1800' + '0505' + '08000000' + '00000000',
        // AF_INET/0, main table, boot, universe, unicast; gateway, device
        '02000000' + 'fe030001' + '00000000' + '08000500' + '0a000101' + '08000400' + '02000000',
      ].join(''),
    );
  });

  test('are answered one by one', () => {
    const answer = (sequence: number, code: number): Buffer => {
      const bytes = Buffer.alloc(36);
      bytes.writeUInt32LE(36, 0);
      bytes.writeUInt16LE(2, 4);
      bytes.writeUInt32LE(sequence, 8);
      bytes.writeInt32LE(code, 16);
      return bytes;
    };
    expect(decodeAnswers(Buffer.concat([answer(7, 0), answer(8, -17)]))).toEqual([
      { sequence: 7, errno: 0 },
      { sequence: 8, errno: 17 },
    ]);
    expect(decodeAnswers(Buffer.from('00'))).toEqual([]);
  });
});
