import fc from 'fast-check';
import { expect, test } from 'vitest';

import { keyOf, toKernelState } from './kernel-object.ts';
import type { KernelObject, KernelState } from './kernel-object.ts';
import { applyOps, reconcile } from './reconcile.ts';

const device = fc.constantFrom('skx1', 'skx2', 'skb0', 'skv0');

const link = fc.oneof(
  fc.record({
    kind: fc.constant('link' as const),
    type: fc.constant('vxlan' as const),
    name: fc.constantFrom('skx1', 'skx2'),
    vni: fc.constantFrom(1, 2),
    local: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    port: fc.constant(4789),
    macAddress: fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02'),
    mtu: fc.constantFrom(1450, 1400),
    group: fc.constant(1),
    isUp: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('link' as const),
    type: fc.constant('bridge' as const),
    name: fc.constantFrom('skb0', 'skx1'),
    macAddress: fc.constant('02:00:00:00:00:03'),
    mtu: fc.constantFrom(1500, 1400),
    group: fc.constant(2),
    isUp: fc.boolean(),
  }),
);

const object: fc.Arbitrary<KernelObject> = fc.oneof(
  link,
  fc.record({
    kind: fc.constant('address' as const),
    device,
    address: fc.constantFrom('10.1.0.1/32', '10.1.0.2/32'),
  }),
  fc.record({
    kind: fc.constant('neighbour' as const),
    device,
    address: fc.constantFrom('10.88.0.1', '10.88.0.2'),
    macAddress: fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02'),
  }),
  fc.record({
    kind: fc.constant('route' as const),
    table: fc.constant(5300),
    destination: fc.constantFrom('10.1.0.5/32', '10.1.0.6/32'),
    type: fc.constant('unicast' as const),
    device,
  }),
  fc.record({
    kind: fc.constant('rule' as const),
    priority: fc.constantFrom(5300, 5301),
    action: fc.record({ type: fc.constant('lookup' as const), table: fc.constantFrom(5300, 5301) }),
  }),
);

/** A state as a kernel can hold it: nothing hangs on a device that is not there. */
const state: fc.Arbitrary<KernelState> = fc.array(object, { maxLength: 24 }).map((objects) => {
  const all = toKernelState(objects);
  const devices = new Set([...all.values()].flatMap((item) => (item.kind === 'link' ? [item.name] : [])));
  return new Map(
    [...all].filter(
      ([, item]) => item.kind === 'link' || item.kind === 'rule' || devices.has(deviceName(item)),
    ),
  );
});

function deviceName(item: KernelObject): string {
  return 'device' in item ? (item.device ?? '') : '';
}

const sorted = (value: KernelState): KernelObject[] =>
  [...value.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));

test('doing the ops on what was found gives what is wanted', () => {
  fc.assert(
    fc.property(state, state, (wanted, found) => {
      const ops = reconcile(wanted, found);
      expect(sorted(applyOps(applyOps(found, ops.additions), ops.removals))).toEqual(sorted(wanted));
    }),
  );
});

test('there is nothing to do when all is as wanted', () => {
  fc.assert(
    fc.property(state, (wanted) => {
      expect(reconcile(wanted, wanted)).toEqual({ additions: [], removals: [], lostVeths: [] });
    }),
  );
});

test('devices come before what hangs on them and go after it', () => {
  fc.assert(
    fc.property(state, state, (wanted, found) => {
      const ops = reconcile(wanted, found);
      const made = new Set([...found.values()].flatMap((item) => (item.kind === 'link' ? [item.name] : [])));
      for (const op of ops.additions) {
        if (op.object.kind === 'link') {
          made.add(op.object.name);
        } else if (op.object.kind !== 'rule') {
          expect(made.has(deviceName(op.object))).toBe(true);
        }
      }
      const kinds = ops.removals.map((op) => op.object.kind);
      const firstLink = kinds.indexOf('link');
      expect(firstLink < 0 || kinds.slice(firstLink).every((kind) => kind === 'link')).toBe(true);
    }),
  );
});
