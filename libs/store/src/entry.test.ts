import { encodeCbor } from '@skep/kernel';
import { describe, expect, test } from 'vitest';

import { ENTRY_CHANGES_MAX, decodeEntry, encodeEntry } from './entry.ts';
import { toEntries, toEntry } from './plan.ts';
import { Store } from './store.ts';
import { StoreDriver } from './testing/driver.ts';
import { aService, aTask } from './testing/objects.ts';

const identity = { newId: () => 'e' };

describe('entries', () => {
  test('a spec that many new tasks share is written and kept once', () => {
    const store = new Store();
    const driver = new StoreDriver(store);
    const spec = { container: { image: 'x'.repeat(1000) } };
    const entry = driver.plan((tx) => {
      for (let i = 0; i < 100; i += 1) {
        tx.create('task', aTask(`t${String(i)}`, 's1', { spec, slot: i + 1 }));
      }
    });
    expect(encodeEntry(entry).byteLength).toBeLessThan(30_000);
    driver.commit(entry);
    const tasks = store.view().tasksByService('s1');
    expect(new Set(tasks.map((task) => task.spec)).size).toBe(1);
    expect(tasks[7]?.spec).toEqual(spec);
  });

  test('a large plan is split, a user change is refused', () => {
    const planned = new Store().plan(
      (tx) => {
        for (let i = 0; i < ENTRY_CHANGES_MAX * 2 + 1; i += 1) {
          tx.create('task', aTask(`t${String(i)}`, 's1', { slot: i + 1 }));
        }
      },
      { nowMs: 1 },
    );
    expect(toEntries(planned, identity).map(({ actions }) => actions.length)).toEqual([200, 200, 1]);
    expect(() => toEntry(planned, identity)).toThrow('may touch 200');
  });

  test('an entry over 1.5 MiB is refused before it is proposed', () => {
    const data = new Uint8Array(2 * 1024 * 1024);
    const planned = new Store().plan((tx) => tx.create('secret', { id: 'x', spec: { name: 'x' }, data }), {
      nowMs: 1,
    });
    expect(() => encodeEntry(toEntry(planned, identity))).toThrow('bytes; one change may have');
  });

  test('removals come before what takes their names', () => {
    const store = new Store();
    const driver = new StoreDriver(store);
    driver.run((tx) => tx.create('service', aService('a')));
    driver.run((tx) => {
      tx.remove('service', 'a');
      tx.create('service', aService('b', { spec: aService('a').spec }));
    });
    expect(store.view().byName('service', 'name-a')?.id).toBe('b');
  });
});

describe('entries of other versions', () => {
  const wire = (action: object): Uint8Array => encodeCbor({ v: 1, id: 'e', atMs: 1, actions: [action] });

  test('an unknown action that is marked may be passed over', () => {
    const applied = new Store().apply(wire({ op: 'put', k: 'volume', o: { id: 'v' }, ign: true }), 1);
    expect(applied.error).toBeUndefined();
    expect(applied.events).toEqual([]);
  });

  test('an unknown action without the mark stops the manager', () => {
    const store = new Store();
    expect(() => store.apply(wire({ op: 'put', k: 'volume', o: { id: 'v' } }), 1)).toThrow('upgrade it');
    expect(store.logIndex).toBe(0);
  });

  test('a newer entry format stops the manager', () => {
    expect(() => decodeEntry(encodeCbor({ v: 2 }))).toThrow('upgrade it');
  });

  test.each([
    ['no map', encodeCbor([1])],
    ['no id', encodeCbor({ v: 1, atMs: 1, actions: [] })],
    ['action without kind', wire({ op: 'put' })],
    ['object without id', wire({ op: 'put', k: 'task', o: {} })],
    ['bad reference', wire({ op: 'put', k: 'task', o: { id: 't' }, r: { spec: 4 } })],
    ['set without object', wire({ op: 'set', k: 'task', f: {} })],
    ['rubbish', new Uint8Array([0xff, 0x00])],
  ])('damaged: %s', (_name, bytes) => {
    expect(() => decodeEntry(bytes)).toThrow(expect.objectContaining({ code: 'data_loss' }));
  });
});
