import { afterEach, expect, test } from 'vitest';

import { TestGroup, until } from './testing/test-group.ts';

let group: TestGroup | undefined;
afterEach(async () => {
  await group?.close();
  group = undefined;
});

test('a member that asks a follower first is sent on to the leader', async () => {
  group = await TestGroup.create();
  const first = await group.grow(2);
  const follower = group.members.get('n2');
  const third = await group.add('n3', { kind: 'join', peers: [follower?.addr ?? ''] });
  await until(
    'three voters',
    () => first.handle.status().members.filter(({ role }) => role === 'voter').length === 3,
  );
  expect(third.handle.status().leader?.nodeId).toBe('n1');
});
