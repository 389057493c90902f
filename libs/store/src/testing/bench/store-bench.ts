import { encodeEntry, toEntries } from '../../index.ts';
import { Store } from '../../store.ts';
import { aService, aTask } from '../objects.ts';

/**
 * The store under 100,000 tasks of 1,000 services: apply, list by service, snapshot, restore, memory.
 * Usage: node store-bench.ts [tasks]
 */
const TASKS = Number(process.argv[2] ?? 100_000);
const SERVICES = Math.max(1, TASKS / 100);

/** Processor time, so that other work on the machine does not show. */
function timed<T>(fn: () => T): { readonly value: T; readonly ms: number } {
  const start = process.cpuUsage();
  const value = fn();
  const { user, system } = process.cpuUsage(start);
  return { value, ms: (user + system) / 1000 };
}

const store = new Store();
let ids = 0;
let logIndex = 0;
const newId = (): string => `e${String((ids += 1))}`;

function entriesOf(fn: Parameters<Store['plan']>[0]): Uint8Array[] {
  return toEntries(store.plan(fn, { nowMs: 1 }), { newId }).map(encodeEntry);
}

function applyAll(entries: readonly Uint8Array[]): number {
  return timed(() => entries.forEach((bytes) => store.apply(bytes, (logIndex += 1)))).ms;
}

applyAll(
  entriesOf((tx) => {
    for (let i = 0; i < SERVICES; i += 1) {
      tx.create('service', aService(`s${String(i)}`));
    }
  }),
);
const created = applyAll(
  entriesOf((tx) => {
    for (let i = 0; i < TASKS; i += 1) {
      const serviceId = `s${String(Math.floor(i / 100))}`;
      tx.create('task', aTask(`t${String(i)}`, serviceId, { slot: (i % 100) + 1 }));
    }
  }),
);
const updated = applyAll(
  entriesOf((tx) => {
    for (let i = 0; i < TASKS; i += 1) {
      tx.setTaskStatus(`t${String(i)}`, { state: 'running', atMs: 2, message: 'started' });
    }
  }),
);
const list = timed(() => {
  for (let i = 0; i < 1000; i += 1) {
    store.view().tasksByService(`s${String(i % SERVICES)}`);
  }
});
const snapshot = timed(() => store.snapshot());
const restore = timed(() => {
  new Store().restore(snapshot.value);
});
globalThis.gc?.();
process.stdout.write(
  `${JSON.stringify({
    tasks: TASKS,
    createPerSecond: Math.round((TASKS / created) * 1000),
    statusPerSecond: Math.round((TASKS / updated) * 1000),
    listByServiceMs: Number((list.ms / 1000).toFixed(4)),
    snapshotMs: Math.round(snapshot.ms),
    snapshotMiB: Math.round(snapshot.value.byteLength / 2 ** 20),
    restoreMs: Math.round(restore.ms),
    heapMiB: Math.round(process.memoryUsage().heapUsed / 2 ** 20),
  })}\n`,
);
