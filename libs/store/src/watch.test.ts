import { expect, test } from 'vitest';

import { Store } from './store.ts';
import { StoreDriver } from './testing/driver.ts';
import { aService } from './testing/objects.ts';
import { WATCH_ENTRIES_MAX } from './watch.ts';

function create(driver: StoreDriver, id: string): void {
  driver.run((tx) => tx.create('service', aService(id)));
}

test('a watcher sees every entry after its place, once', () => {
  const store = new Store();
  const driver = new StoreDriver(store);
  create(driver, 'a');
  let readyCount = 0;
  const watch = store.watch({ onReady: () => (readyCount += 1) });
  expect(watch.poll()).toEqual({ type: 'entries', entries: [] });
  create(driver, 'b');
  create(driver, 'c');
  expect(readyCount).toBe(1);
  const result = watch.poll(1);
  expect(result).toMatchObject({
    entries: [{ logIndex: 2, events: [{ kind: 'service', op: 'create', id: 'b' }] }],
  });
  expect(watch.poll()).toMatchObject({ entries: [{ logIndex: 3 }] });
  watch.close();
  create(driver, 'd');
  expect(readyCount).toBe(1);
});

test('a watcher resumes from an index it knows', () => {
  const store = new Store();
  const driver = new StoreDriver(store);
  ['a', 'b', 'c'].forEach((id) => create(driver, id));
  expect(store.watch({ afterIndex: 1 }).poll()).toMatchObject({
    entries: [{ logIndex: 2 }, { logIndex: 3 }],
  });
  expect(store.watch({ afterIndex: 99 }).poll()).toEqual({ type: 'resync', logIndex: 3 });
});

test('a slow watcher is told to resync, and the ring keeps its size', () => {
  const store = new Store();
  const driver = new StoreDriver(store);
  create(driver, 'a');
  const watch = store.watch({ afterIndex: 0 });
  for (let i = 0; i < WATCH_ENTRIES_MAX * 1.2; i += 1) {
    driver.run((tx) => tx.patch('service', 'a', { jobIteration: i }));
  }
  expect(watch.poll()).toEqual({ type: 'resync', logIndex: store.logIndex });
  expect(watch.poll()).toEqual({ type: 'entries', entries: [] });
  const recent = store.watch({ afterIndex: store.logIndex - WATCH_ENTRIES_MAX }).poll(20_000);
  expect(recent.type === 'entries' && recent.entries.length).toBe(WATCH_ENTRIES_MAX);
});

test('a restored snapshot makes every watcher resync', () => {
  const [store, other] = [new Store(), new Store()];
  const driver = new StoreDriver(store);
  create(driver, 'a');
  const watch = other.watch();
  other.restore(store.snapshot());
  expect(watch.poll()).toEqual({ type: 'resync', logIndex: 1 });
});
