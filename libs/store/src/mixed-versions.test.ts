import { encodeCbor, isSwarmError } from '@skep/kernel';
import { describe, expect, test } from 'vitest';

import { joinParts } from './snapshot.ts';
import { Store } from './store.ts';
import { StoreDriver } from './testing/driver.ts';
import { aService } from './testing/objects.ts';

/** What a manager of a later version might write: a kind and an operation that this one has never heard of. */
function newerEntry(id: string, isIgnorable: boolean): Uint8Array {
  const mark = isIgnorable ? { ign: true } : {};
  return encodeCbor({
    v: 1,
    id,
    atMs: 5,
    actions: [
      { op: 'put', k: 'volume', o: { id: 'v1', spec: { name: 'data' } }, ...mark },
      { op: 'resize', k: 'service', id: 's1', to: 7, ...mark },
    ],
  });
}

function snapshotWith(store: Store, part: Record<string, unknown>): Uint8Array {
  const parts = [...store.capture().parts()];
  const bytes = encodeCbor(part);
  const framed = new Uint8Array(4 + bytes.byteLength);
  new DataView(framed.buffer).setUint32(0, bytes.byteLength);
  framed.set(bytes, 4);
  return joinParts([...parts.slice(0, -1), framed, ...parts.slice(-1)]);
}

describe('old managers beside newer ones', () => {
  test('pass over what is marked, go on, and agree with each other', () => {
    const stores = [new Store(), new Store()];
    const driver = new StoreDriver(...stores);
    driver.run((tx) => tx.create('service', aService('s1')));
    const index = stores[0]?.logIndex ?? 0;
    for (const store of stores) {
      expect(store.apply(newerEntry('newer', true), index + 1)).toMatchObject({
        events: [],
        logIndex: index + 1,
      });
    }
    // The same proposal twice is still one.
    for (const store of stores) {
      expect(store.apply(newerEntry('newer', true), index + 2).error).toBeUndefined();
    }
    expect(stores[0]?.view().count('service')).toBe(1);
    expect(stores[0]?.digest()).toBe(stores[1]?.digest());
    const restored = new Store();
    restored.restore(stores[0]?.snapshot() ?? new Uint8Array());
    expect(restored.digest()).toBe(stores[1]?.digest());
  });

  test('stop at what is not marked, with their state as it was', () => {
    const store = new Store();
    const driver = new StoreDriver(store);
    driver.run((tx) => tx.create('service', aService('s1')));
    const before = store.digest();
    let thrown: unknown;
    try {
      store.apply(newerEntry('newer', false), store.logIndex + 1);
    } catch (error) {
      thrown = error;
    }
    expect(isSwarmError(thrown, 'unimplemented')).toBe(true);
    expect(String(thrown)).toMatch(/upgrade it/);
    expect(store.digest()).toBe(before);
  });

  test("take a newer manager's snapshot without the tables that are marked, and no other", () => {
    const store = new Store();
    new StoreDriver(store).run((tx) => tx.create('service', aService('s1')));
    const table = { t: 'table', k: 'volume', o: [{ id: 'v1' }] };
    const restored = new Store();
    restored.restore(snapshotWith(store, { ...table, ign: true }));
    expect(restored.digest()).toBe(store.digest());
    restored.restore(snapshotWith(store, { t: 'something else entirely' }));
    expect(restored.digest()).toBe(store.digest());
    expect(() => {
      restored.restore(snapshotWith(store, table));
    }).toThrow(/volume.*upgrade it/);
    expect(restored.digest()).toBe(store.digest());
  });
});
