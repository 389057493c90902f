import { describe, expect, test } from 'vitest';

import { TestStore, aSpec } from '../testing/test-store.ts';
import { createService } from './service.ts';
import { STACK_LABEL, deployStack, removeStack } from './stack.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const file = { name: 'f', uid: '0', gid: '0', mode: 0o444 };

describe('stacks', () => {
  const labels = { [STACK_LABEL]: 'demo' };
  const stack = (image: string, services: string[]) => ({
    name: 'demo',
    networks: [{ name: 'demo_net', labels }],
    secrets: [{ spec: { name: 'demo_pw', labels }, data: bytes('x') }],
    configs: [],
    services: services.map((name) =>
      aSpec(name, {
        labels,
        task: {
          container: { image, secrets: [{ secretId: '', secretName: 'demo_pw', file }] },
          networks: [{ target: 'demo_net' }],
        },
      }),
    ),
    prune: true,
    source: 'text',
    deployedBy: 'ann',
  });

  test('deploys, changes and prunes in one entry each', () => {
    const store = new TestStore();
    const ops = (image: string, services: string[]) =>
      store
        .run((tx) => deployStack(tx, stack(image, services), store))
        .changes.map(({ op, name }) => `${op} ${name}`);
    expect(ops('a', ['demo_web', 'demo_db'])).toEqual([
      'create demo_net',
      'create demo_pw',
      'create demo_web',
      'create demo_db',
    ]);
    const { version } = store.view.byName('service', 'demo_web')!;
    expect(ops('a', ['demo_web'])).toEqual([
      'none demo_net',
      'none demo_pw',
      'none demo_web',
      'remove demo_db',
    ]);
    expect(store.view.byName('service', 'demo_web')!.version).toBe(version);
    expect(ops('b', ['demo_web'])).toContain('update demo_web');
    expect(store.view.byName('stack', 'demo')).toMatchObject({ revision: 3, source: 'text' });
    store.run((tx) => removeStack(tx, 'demo'));
    expect(store.view.byName('network', 'demo_net')).toBeUndefined();
    expect(store.refusal((tx) => removeStack(tx, 'demo'))).toBe('not_found: Nothing found in stack: demo');
  });

  test('nothing is done when one part is refused', () => {
    const store = new TestStore();
    store.run((tx) => createService(tx, aSpec('demo_db'), store));
    const before = store.store.digest();
    const changed = {
      ...stack('a', ['demo_web']),
      services: [aSpec('demo_web'), aSpec('demo_db', { mode: { type: 'global' } })],
    };
    expect(store.refusal((tx) => deployStack(tx, changed, store))).toBe(
      'unimplemented: service mode change is not allowed',
    );
    expect(store.store.digest()).toBe(before);
  });

  test('a secret with other data is refused by name', () => {
    const store = new TestStore();
    store.run((tx) => deployStack(tx, stack('a', []), store));
    const other = { ...stack('a', []), secrets: [{ spec: { name: 'demo_pw', labels }, data: bytes('y') }] };
    expect(store.refusal((tx) => deployStack(tx, other, store))).toBe(
      'invalid_argument: secret demo_pw exists with other data, and only updates to Labels are allowed; give it a new name',
    );
  });
});
