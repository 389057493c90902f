import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Task } from '@skep/model';

import { encodeEntry } from './entry.ts';
import { toEntry } from './plan.ts';
import { Store } from './store.ts';
import { aService, aTask } from './testing/objects.ts';
import type { WriteTx } from './tx.ts';

/** A random change; `pick` chooses among few ids so that conflicts are common. */
const Step = fc.record({
  what: fc.constantFrom('service', 'task', 'status', 'assign', 'network', 'remove', 'label'),
  a: fc.integer({ min: 0, max: 5 }),
  b: fc.integer({ min: 0, max: 5 }),
  isLate: fc.boolean(),
});
type Step = typeof Step extends fc.Arbitrary<infer T> ? T : never;

const STATES = ['pending', 'assigned', 'running', 'shutdown', 'failed', 'remove'] as const;

function change(tx: WriteTx, { what, a, b }: Step): void {
  const task = tx.get('task', `t${String(a)}`);
  const service = tx.get('service', `s${String(a)}`);
  switch (what) {
    case 'service':
      tx.create('service', aService(`s${String(a)}`, { spec: aService(`s${String(b)}`).spec }));
      break;
    case 'task':
      tx.create('task', aTask(`t${String(a)}`, `s${String(b)}`, { slot: b }));
      break;
    case 'status':
      tx.setTaskStatus(`t${String(a)}`, { state: STATES[b] ?? 'new', atMs: b, message: '' });
      break;
    case 'assign':
      tx.patch('task', `t${String(a)}`, { nodeId: b === 0 ? undefined : `n${String(b)}` });
      break;
    case 'network':
      if (task !== undefined) {
        const networks = [{ networkId: 'net', addresses: [`10.0.0.${String(b)}/24`] }];
        tx.patch('task', task.id, { networks });
      }
      break;
    case 'remove':
      tx.remove(b < 3 ? 'task' : 'service', `${b < 3 ? 't' : 's'}${String(a)}`);
      break;
    case 'label':
      if (service !== undefined) {
        tx.update('service', { ...service, jobIteration: b });
      }
  }
}

function run(steps: readonly Step[], stores: readonly Store[], hook: (index: number) => void): void {
  const [first] = stores;
  let pending: Uint8Array[] = [];
  let logIndex = 0;
  const flush = (): void => {
    for (const bytes of pending) {
      logIndex += 1;
      stores.forEach((store) => store.apply(bytes, logIndex));
      hook(logIndex);
    }
    pending = [];
  };
  steps.forEach((step, index) => {
    try {
      const planned = first!.plan((tx) => change(tx, step), { nowMs: index });
      pending.push(encodeEntry(toEntry(planned, { newId: () => `e${String(index)}` })));
    } catch (error) {
      expect(error).toMatchObject({ name: 'SwarmError' });
    }
    if (!step.isLate) {
      flush();
    }
  });
  flush();
}

/** Indexes and claims, worked out anew from the objects. */
function assertIndexesMatch(store: Store): void {
  const view = store.view();
  const tasks = view.list('task');
  const idsWhere = (test: (task: Task) => boolean): string[] =>
    tasks
      .filter(test)
      .map(({ id }) => id)
      .sort();
  const ids = (found: readonly Task[]): string[] => found.map(({ id }) => id).sort();
  for (let i = 0; i <= 5; i += 1) {
    const [serviceId, nodeId] = [`s${String(i)}`, i === 0 ? '' : `n${String(i)}`];
    expect(ids(view.tasksByService(serviceId))).toEqual(idsWhere((task) => task.serviceId === serviceId));
    expect(ids(view.tasksByNode(nodeId))).toEqual(idsWhere((task) => (task.nodeId ?? '') === nodeId));
    expect(ids(view.tasksBySlot(serviceId, i))).toEqual(
      idsWhere((task) => task.serviceId === serviceId && task.slot === i),
    );
    const named = view.list('service').filter((service) => service.spec.name === `name-${serviceId}`);
    expect(named.length).toBeLessThanOrEqual(1);
    expect(view.byName('service', `name-${serviceId}`)?.id).toBe(named[0]?.id);
    const holders = tasks.filter(
      (task) =>
        !['shutdown', 'failed', 'remove'].includes(task.status.state) &&
        task.networks.some(({ addresses }) => addresses.includes(`10.0.0.${String(i)}/24`)),
    );
    expect(holders.length).toBeLessThanOrEqual(1);
    expect(view.ownerOfAddress('net', `10.0.0.${String(i)}`)?.id).toBe(holders[0]?.id);
  }
}

test('two stores that apply the same entries are equal, and indexes match the objects', () => {
  fc.assert(
    fc.property(fc.array(Step, { maxLength: 80 }), (steps) => {
      const stores = [new Store(), new Store()];
      run(steps, stores, () => assertIndexesMatch(stores[0]!));
      expect(stores[0]!.digest()).toBe(stores[1]!.digest());
      expect(stores[0]!.snapshot()).toEqual(stores[1]!.snapshot());
    }),
    { numRuns: 150 },
  );
});

test('a store restored at any point goes on exactly like the one that never stopped', () => {
  fc.assert(
    fc.property(fc.array(Step, { maxLength: 60 }), fc.integer({ min: 1, max: 60 }), (steps, at) => {
      const [steady, restored] = [new Store(), new Store()];
      run(steps, [steady, restored], (logIndex) => {
        if (logIndex === at) {
          restored.restore(restored.snapshot());
        }
        if (logIndex % 7 === 0) {
          steady.digest();
        }
      });
      assertIndexesMatch(restored);
      expect(restored.digest()).toBe(steady.digest());
      expect(restored.snapshot()).toEqual(steady.snapshot());
      expect(restored.logIndex).toBe(steady.logIndex);
    }),
    { numRuns: 150 },
  );
});

test('the digest of a different state differs', () => {
  const [a, b] = [new Store(), new Store()];
  for (const [store, message] of [
    [a, 'x'],
    [b, 'y'],
  ] as const) {
    const task = aTask('t', 's', { status: { state: 'new', atMs: 1, message } });
    const planned = store.plan((tx) => tx.create('task', task), { nowMs: 1 });
    store.apply(encodeEntry(toEntry(planned, { newId: () => 'e' })), 1);
  }
  expect(a.digest()).not.toBe(b.digest());
});

test('a damaged snapshot is refused and the state stays', () => {
  const store = new Store();
  const planned = store.plan((tx) => tx.create('service', aService('s')), { nowMs: 1 });
  store.apply(encodeEntry(toEntry(planned, { newId: () => 'e' })), 1);
  const bytes = store.snapshot();
  for (let length = 0; length < bytes.byteLength; length += 7) {
    expect(() => store.restore(bytes.subarray(0, length))).toThrow(
      expect.objectContaining({ code: 'data_loss' }),
    );
  }
  expect(store.view().count('service')).toBe(1);
});
