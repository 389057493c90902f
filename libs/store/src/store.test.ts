import { describe, expect, test } from 'vitest';

import { Store } from './store.ts';
import { StoreDriver } from './testing/driver.ts';
import { aCluster, aNode, aService, aTask } from './testing/objects.ts';

function setUp(): { store: Store; driver: StoreDriver } {
  const store = new Store();
  return { store, driver: new StoreDriver(store, new Store()) };
}

describe('objects', () => {
  test('a new object carries the log index as version and the proposer time', () => {
    const { store, driver } = setUp();
    driver.run((tx) => tx.create('service', aService('s1')));
    const service = store.view().get('service', 's1');
    expect(service).toMatchObject({ version: 1, createdAtMs: 1001, updatedAtMs: 1001 });
    driver.run((tx) => tx.patch('service', 's1', { pendingDelete: true }));
    expect(store.view().get('service', 's1')).toMatchObject({
      version: 2,
      createdAtMs: 1001,
      updatedAtMs: 1002,
      pendingDelete: true,
    });
  });

  test('a patch with undefined removes a field', () => {
    const { store, driver } = setUp();
    driver.run((tx) => tx.create('service', aService('s1', { jobIteration: 3 })));
    driver.run((tx) => tx.patch('service', 's1', { jobIteration: undefined }));
    expect(store.view().get('service', 's1')).not.toHaveProperty('jobIteration');
  });

  test('stored data cannot be changed by mistake', () => {
    const { store, driver } = setUp();
    driver.run((tx) => tx.create('service', aService('s1')));
    const service = store.view().get('service', 's1')!;
    expect(() => (service.spec.name = 'x')).toThrow(TypeError);
    expect(() => service.spec.task.container.image === '' || (service.specVersion = 9)).toThrow(TypeError);
  });

  test('planning changes nothing', () => {
    const { store, driver } = setUp();
    driver.run((tx) => tx.create('service', aService('s1')));
    driver.plan((tx) => {
      tx.patch('service', 's1', { jobIteration: 7 });
      tx.remove('service', 's1');
      tx.create('service', aService('s2'));
      expect(tx.get('service', 's1')).toBeUndefined();
      expect(tx.list('service').map(({ id }) => id)).toEqual(['s2']);
      expect(tx.count('service')).toBe(1);
    });
    expect(store.view().list('service')).toHaveLength(1);
    expect(store.view().get('service', 's1')?.jobIteration).toBeUndefined();
  });

  test('a write that changes nothing makes no action', () => {
    const { driver } = setUp();
    driver.run((tx) => tx.create('node', aNode('n1')));
    const entry = driver.plan((tx) => {
      tx.patch('node', 'n1', { spec: { role: 'worker', availability: 'active' } });
      tx.setTaskStatus('unknown', { state: 'running', atMs: 1, message: '' });
    });
    expect(entry.actions).toEqual([]);
  });
});

describe('optimistic locking', () => {
  test('an update from an older state is out of sequence, at plan and at apply', () => {
    const { store, driver } = setUp();
    driver.run((tx) => tx.create('service', aService('s1')));
    const old = store.view().get('service', 's1')!;
    const late = driver.plan((tx) => tx.update('service', { ...old, jobIteration: 1 }));
    driver.run((tx) => tx.patch('service', 's1', { jobIteration: 2 }));
    expect(driver.commit(late).error).toMatchObject({
      code: 'version_conflict',
      message: 'update out of sequence',
    });
    expect(() => driver.plan((tx) => tx.update('service', { ...old, jobIteration: 3 }))).toThrow(
      'update out of sequence',
    );
    expect(store.view().get('service', 's1')?.jobIteration).toBe(2);
  });

  test('a patch of a scalar field is compared and set; one of other fields is not', () => {
    const { store, driver } = setUp();
    driver.run((tx) => tx.create('task', aTask('t1', 's1')));
    const first = driver.plan((tx) => tx.patch('task', 't1', { desiredState: 'shutdown' }));
    const second = driver.plan((tx) => tx.patch('task', 't1', { desiredState: 'remove' }));
    const status = driver.plan((tx) =>
      tx.setTaskStatus('t1', { state: 'running', atMs: 5, message: 'started' }),
    );
    expect(driver.commit(status).error).toBeUndefined();
    expect(driver.commit(first).error).toBeUndefined();
    expect(driver.commit(second).error).toMatchObject({ code: 'version_conflict' });
    expect(store.view().get('task', 't1')).toMatchObject({
      desiredState: 'shutdown',
      status: { state: 'running' },
    });
  });

  test('conditions of a patch hold when it is applied', () => {
    const { driver } = setUp();
    driver.run((tx) => tx.create('service', aService('s1')));
    const late = driver.plan((tx) =>
      tx.patch(
        'service',
        's1',
        { endpoint: { mode: 'vip', ports: [], virtualIps: [] } },
        { when: { specVersion: 1 } },
      ),
    );
    driver.run((tx) => tx.patch('service', 's1', { specVersion: 2 }));
    expect(driver.commit(late).error).toMatchObject({ code: 'version_conflict' });
  });

  test('a refused entry changes nothing but the log index, on every manager', () => {
    const { store, driver } = setUp();
    driver.run((tx) => tx.create('service', aService('s1')));
    const entry = driver.plan((tx) => {
      tx.create('task', aTask('t1', 's1'));
      tx.remove('service', 's1', { version: 1 });
    });
    driver.run((tx) => tx.patch('service', 's1', { jobIteration: 1 }));
    const applied = driver.commit(entry);
    expect(applied.error?.code).toBe('version_conflict');
    expect(applied.events).toEqual([]);
    expect(store.view().get('task', 't1')).toBeUndefined();
    expect(store.logIndex).toBe(3);
    expect(store.digest()).toBe(driver.stores[1]!.digest());
  });

  test('an entry that is committed twice is applied once', () => {
    const { store, driver } = setUp();
    const entry = driver.plan((tx) => tx.create('service', aService('s1')));
    driver.commit(entry);
    driver.run((tx) => tx.remove('service', 's1'));
    expect(driver.commit(entry)).toMatchObject({ events: [], entryId: entry.id });
    expect(store.view().count('service')).toBe(0);
  });
});

describe('names and other claims', () => {
  test('names are unique without case, and free again after removal', () => {
    const { store, driver } = setUp();
    driver.run((tx) => tx.create('service', aService('s1')));
    const twin = aService('s2', { spec: { ...aService('s1').spec, name: 'NAME-s1' } });
    expect(() => driver.run((tx) => tx.create('service', twin))).toThrow(
      'name conflicts with an existing object: service NAME-s1 already exists',
    );
    expect(store.view().byName('service', 'Name-S1')?.id).toBe('s1');
    driver.run((tx) => tx.patch('service', 's1', { pendingDelete: true }));
    expect(store.view().byName('service', 'name-s1')).toBeUndefined();
    driver.run((tx) => tx.create('service', twin));
    expect(store.view().byName('service', 'name-s1')?.id).toBe('s2');
    driver.run((tx) => tx.remove('service', 's1'));
    expect(store.view().byName('service', 'name-s1')?.id).toBe('s2');
  });

  test('two concurrent creations of one name: the second is refused at apply', () => {
    const { driver } = setUp();
    const spec = aService('a').spec;
    const [a, b] = ['a', 'b'].map((id) => driver.plan((tx) => tx.create('service', aService(id, { spec }))));
    expect(driver.commit(a!).error).toBeUndefined();
    expect(driver.commit(b!).error).toMatchObject({ code: 'name_conflict' });
  });

  test('an ingress port belongs to one service', () => {
    const { store, driver } = setUp();
    const withPort = (id: string) => {
      const service = aService(id);
      const port = { protocol: 'tcp', targetPort: 80, publishedPort: 8080, publishMode: 'ingress' } as const;
      return { ...service, spec: { ...service.spec, endpoint: { ports: [port] } } };
    };
    driver.run((tx) => tx.create('service', withPort('s1')));
    expect(() => driver.run((tx) => tx.create('service', withPort('s2')))).toThrow(
      "port '8080' is already in use by service 'name-s1' (s1) as an ingress port",
    );
    expect(store.view().ownerOfIngressPort('tcp', 8080)).toEqual({ kind: 'service', id: 's1' });
    expect(store.view().ownerOfIngressPort('udp', 8080)).toBeUndefined();
    driver.run((tx) => tx.remove('service', 's1'));
    driver.run((tx) => tx.create('service', withPort('s2')));
  });

  test('an address is held until the task has ended', () => {
    const { store, driver } = setUp();
    const networks = [{ networkId: 'net', addresses: ['10.0.1.5/24'] }];
    driver.run((tx) => tx.create('task', aTask('t1', 's1', { networks })));
    expect(() => driver.run((tx) => tx.create('task', aTask('t2', 's1', { networks, slot: 2 })))).toThrow(
      'in use by t1',
    );
    expect(store.view().countAddresses('net')).toBe(1);
    driver.run((tx) => {
      tx.setTaskStatus('t1', { state: 'failed', atMs: 2, message: 'x' });
      expect(tx.countAddresses('net')).toBe(0);
      tx.create('task', aTask('t2', 's1', { networks, slot: 2 }));
    });
    expect(store.view().ownerOfAddress('net', '10.0.1.5')?.id).toBe('t2');
    expect(store.view().countAddresses('net')).toBe(1);
    expect(store.view().get('task', 't1')).toMatchObject({ endedAtMs: 1003 });
  });

  test('one task at most is wanted in a slot, of each version', () => {
    const { driver } = setUp();
    driver.run((tx) => tx.create('task', aTask('t1', 's1')));
    expect(() => driver.run((tx) => tx.create('task', aTask('t2', 's1')))).toThrow('in use by t1');
    driver.run((tx) => tx.create('task', aTask('t2', 's1', { specVersion: 2 })));
    driver.run((tx) => {
      tx.patch('task', 't1', { desiredState: 'shutdown' });
      tx.create('task', aTask('t3', 's1'));
    });
  });

  test('there is one cluster object', () => {
    const { store, driver } = setUp();
    expect(store.view().cluster()).toBeUndefined();
    driver.run((tx) => tx.create('cluster', aCluster()));
    expect(store.view().cluster()?.id).toBe('cluster');
    expect(() => driver.run((tx) => tx.create('cluster', { ...aCluster(), id: 'other' }))).toThrow('already');
  });
});

describe('task indexes', () => {
  test('follow assignments, in views and in plans', () => {
    const { store, driver } = setUp();
    driver.run((tx) => {
      tx.create('task', aTask('t1', 's1'));
      tx.create('task', aTask('t2', 's1', { slot: 2 }));
      tx.create('task', aTask('t3', 's2'));
    });
    const ids = (tasks: readonly { id: string }[]) => tasks.map(({ id }) => id).sort();
    driver.run((tx) => {
      tx.patch('task', 't1', { nodeId: 'n1' });
      expect(ids(tx.tasksByNode('n1'))).toEqual(['t1']);
      expect(ids(tx.tasksByNode(''))).toEqual(['t2', 't3']);
      tx.create('task', aTask('t4', 's1', { slot: 2, specVersion: 2 }));
      expect(ids(tx.tasksBySlot('s1', 2))).toEqual(['t2', 't4']);
      tx.remove('task', 't2');
      expect(ids(tx.tasksBySlot('s1', 2))).toEqual(['t4']);
    });
    const view = store.view();
    expect(ids(view.tasksByService('s1'))).toEqual(['t1', 't4']);
    expect(ids(view.tasksByNode('n1'))).toEqual(['t1']);
    expect(ids(view.tasksByNode(''))).toEqual(['t3', 't4']);
    expect(ids(view.tasksBySlot('s1', 2))).toEqual(['t4']);
    expect(view.byIdPrefix('task', 't', 10)).toHaveLength(3);
    expect(view.byIdPrefix('task', 't4')).toHaveLength(1);
  });

  test('a status never goes back', () => {
    const { store, driver } = setUp();
    driver.run((tx) => tx.create('task', aTask('t1', 's1')));
    driver.run((tx) => tx.setTaskStatus('t1', { state: 'running', atMs: 9, message: 'started' }));
    const late = { state: 'preparing', atMs: 10, message: 'preparing' } as const;
    expect(store.plan((tx) => tx.setTaskStatus('t1', late), { nowMs: 1 }).value).toBe(false);
    expect(store.view().get('task', 't1')).toMatchObject({
      status: { state: 'running' },
      startedAtMs: 1002,
    });
  });
});

describe('history', () => {
  test('records get the log index and their place, and can be trimmed', () => {
    const { store, driver } = setUp();
    const event = {
      type: 'event',
      atMs: 1,
      action: 'service.created',
      severity: 'info',
      target: { kind: 'service' },
      message: 'x',
    } as const;
    driver.run((tx) => {
      tx.create('service', aService('s1'));
      tx.record(event);
      tx.record(event);
    });
    const applied = driver.run((tx) => tx.record(event));
    expect(applied.history).toMatchObject([{ logIndex: 2, seq: 0 }]);
    expect(store.historyAfter(0).map(({ logIndex, seq }) => [logIndex, seq])).toEqual([
      [1, 0],
      [1, 1],
      [2, 0],
    ]);
    driver.run((tx) => tx.trimHistory(1));
    expect(store.historyAfter(0)).toHaveLength(1);
    expect(store.historyAfter(2)).toHaveLength(0);
  });
});
