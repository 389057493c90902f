import fc from 'fast-check';
import { expect, test } from 'vitest';

import { isSwarmError } from '@skep/kernel';

import { allocateNetwork } from '../allocation.ts';
import { createNetwork, removeNetwork } from '../control/network.ts';
import { TestStore } from '../testing/test-store.ts';
import { AddressPicker } from './ipam.ts';
import { contains, overlaps, parseAddress, parseSubnet, sizeOf, subnetOf } from './ipv4.ts';

const Step = fc.record({
  remove: fc.boolean(),
  index: fc.integer({ min: 0, max: 9 }),
  subnet: fc.option(
    fc.tuple(
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 0, max: 7 }),
      fc.integer({ min: 20, max: 28 }),
    ),
    { nil: undefined },
  ),
});

test('networks never overlap, nor share a VNI, whatever users ask for and remove', () => {
  fc.assert(
    fc.property(fc.array(Step, { maxLength: 40 }), (steps) => {
      const store = new TestStore(['10.0.0.0/20', '10.3.0.0/22']);
      for (const { remove, index, subnet } of steps) {
        const name = `n${String(index)}`;
        const text =
          subnet === undefined
            ? undefined
            : `10.${String(subnet[0])}.${String(subnet[1] * 4)}.0/${String(subnet[2])}`;
        try {
          store.run((tx) => {
            if (remove) {
              return removeNetwork(tx, name);
            }
            const ipam = text === undefined ? {} : { ipam: { configs: [{ subnet: text }] } };
            return allocateNetwork(tx, createNetwork(tx, { name, ...ipam }, store));
          });
        } catch (error) {
          expect(isSwarmError(error)).toBe(true);
        }
        const networks = store.view.list('network').filter(({ ipam }) => ipam !== undefined);
        const subnets = networks.flatMap(({ ipam }) => ipam ?? []).map((entry) => subnetOf(entry.subnet));
        subnets.forEach((a, i) => subnets.slice(i + 1).forEach((b) => expect(overlaps(a, b)).toBe(false)));
        expect(new Set(networks.map(({ vni }) => vni)).size).toBe(networks.length);
      }
    }),
    { numRuns: 150 },
  );
});

test('addresses are inside the range, never the gateway, network or broadcast address, and all are used', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 24, max: 29 }),
      fc.integer({ min: 0, max: 3 }),
      (prefixLength, gatewayHost) => {
        const store = new TestStore();
        const text = `10.9.0.0/${String(prefixLength)}`;
        const gateway = `10.9.0.${String(gatewayHost + 1)}`;
        const network = store.run((tx) => {
          const created = createNetwork(
            tx,
            { name: 'n', ipam: { configs: [{ subnet: text, gateway }] } },
            store,
          );
          allocateNetwork(tx, created);
          return created;
        });
        const subnet = subnetOf(text);
        const seen = new Set<string>();
        const picker = new AddressPicker();
        for (;;) {
          const stored = store.view.get('network', network.id)!;
          const chosen = picker.choose(store.view, stored);
          if (!chosen.ok) {
            expect(chosen.error.message).toBe('could not find an available IP on network n');
            break;
          }
          const address = parseAddress(chosen.value.split('/')[0]!)!;
          expect(contains(subnet, address)).toBe(true);
          expect([subnet.base, subnet.base + sizeOf(subnet) - 1, parseAddress(gateway)]).not.toContain(
            address,
          );
          expect(seen.has(chosen.value)).toBe(false);
          seen.add(chosen.value);
          const slot = seen.size;
          store.run((tx) =>
            tx.create('task', {
              id: `t${String(slot)}`,
              serviceId: 's',
              serviceName: 's',
              slot,
              spec: { container: { image: 'x' } },
              specVersion: 1,
              status: { state: 'running', atMs: 1, message: '' },
              desiredState: 'running',
              networks: [{ networkId: network.id, addresses: [chosen.value] }],
            }),
          );
        }
        expect(seen.size).toBe(sizeOf(subnet) - 3);
      },
    ),
    { numRuns: 30 },
  );
}, 60_000);

test.each([
  ['10.0.0.0/8', { base: 10 * 2 ** 24, prefixLength: 8 }],
  ['10.0.1.77/24', { base: 10 * 2 ** 24 + 256, prefixLength: 24 }],
  ['255.255.255.255/32', { base: 2 ** 32 - 1, prefixLength: 32 }],
  ['10.0.0/8', undefined],
  ['10.0.0.0', undefined],
  ['10.0.0.0/33', undefined],
  ['fd00::/8', undefined],
])('parse %s', (text, subnet) => {
  expect(parseSubnet(text)).toEqual(subnet);
});
