import type { Service } from '@skep/model';
import { describe, expect, test } from 'vitest';

import { Store } from './store.ts';
import { StoreDriver } from './testing/driver.ts';
import { aService } from './testing/objects.ts';
import type { NewObject, WriteTx } from './tx.ts';

const FILE = { name: 'f', uid: '0', gid: '0', mode: 0o444 };

function aUser(changes: Partial<Service> = {}): NewObject<Service> {
  const service = aService('s1', changes);
  const task = {
    networks: [{ target: 'n1' }, { target: 'host' }],
    container: {
      image: 'sample',
      secrets: [{ secretId: 'k1', secretName: 'k', file: FILE }],
      configs: [{ configId: 'c1', configName: 'c', file: FILE }],
    },
  };
  return { ...service, spec: { ...service.spec, task } };
}

function setUp(): StoreDriver {
  const driver = new StoreDriver(new Store(), new Store());
  driver.run((tx) => {
    tx.create('network', { id: 'n1', spec: { name: 'n' } });
    tx.create('secret', { id: 'k1', spec: { name: 'k' }, data: new Uint8Array([1]) });
    tx.create('config', { id: 'c1', spec: { name: 'c' }, data: new Uint8Array([1]) });
  });
  return driver;
}

const removals: [string, (tx: WriteTx) => unknown, string][] = [
  ['network', (tx) => tx.remove('network', 'n1'), 'n1'],
  ['network in use', (tx) => tx.patch('network', 'n1', { pendingDelete: true }), 'n1'],
  ['secret', (tx) => tx.remove('secret', 'k1'), 'k1'],
  ['config', (tx) => tx.remove('config', 'c1'), 'c1'],
];

describe('changes that were planned beside each other', () => {
  test.each(removals)('a service that needs a %s that goes is refused', (_name, remove, id) => {
    const driver = setUp();
    const create = driver.plan((tx) => tx.create('service', aUser()));
    driver.run(remove);
    expect(driver.commit(create).error).toMatchObject({
      code: 'version_conflict',
      message: expect.stringContaining(`${id} of service name-s1 was removed`) as unknown,
    });
  });

  test.each(removals)('the removal of a %s that a new service needs is refused', (_name, remove, id) => {
    const driver = setUp();
    const removal = driver.plan(remove);
    driver.run((tx) => tx.create('service', aUser()));
    expect(driver.commit(removal).error).toMatchObject({
      code: 'version_conflict',
      message: expect.stringContaining(`${id} came into use by service name-s1`) as unknown,
    });
  });
});

test('a service goes together with what it needs', () => {
  const driver = setUp();
  driver.run((tx) => tx.create('service', aUser()));
  const removal = driver.plan((tx) => {
    tx.patch('service', 's1', { pendingDelete: true });
    tx.remove('network', 'n1');
  });
  expect(driver.commit(removal).error).toBeUndefined();
});

test('a rollback to what is gone is not refused: it would hold up everything else', () => {
  const driver = setUp();
  const { spec: plainSpec } = aService('s1');
  driver.run((tx) => tx.create('service', { ...aService('s1'), previousSpec: aUser().spec }));
  driver.run((tx) => tx.remove('network', 'n1'));
  const rollback = driver.plan((tx) =>
    tx.patch('service', 's1', { spec: aUser().spec, previousSpec: plainSpec }),
  );
  expect(driver.commit(rollback).error).toBeUndefined();
});
