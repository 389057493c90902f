import { expect, test } from 'vitest';

import { fieldChanges, summarize } from './diff.ts';

test.each([
  [{ a: 1 }, { a: 1 }, []],
  [{ a: 1 }, { a: 2 }, ['a']],
  [{ a: { b: 1, c: 2 } }, { a: { c: 2, b: 3 } }, ['a.b']],
  [{ ports: [{ p: 1 }, { p: 2 }] }, { ports: [{ p: 1 }, { p: 3 }] }, ['ports[1].p']],
  [{ ports: [{ p: 1 }] }, { ports: [{ p: 1 }, { p: 2 }] }, ['ports[1]']],
  [{ env: ['A=1'] }, { env: ['A=1', 'B=2'] }, ['env']],
  [{ a: 1, b: undefined }, { a: 1 }, []],
])('%j and %j differ in %j', (before, after, paths) => {
  expect(fieldChanges(before, after).map(({ path }) => path)).toEqual(paths);
});

test('the summary tells harmless values and keeps others to itself', () => {
  const before = { task: { container: { image: 'a:1', env: ['KEY=old-secret'] } }, mode: { replicas: 1 } };
  const after = { task: { container: { image: 'a:2', env: ['KEY=new-secret'] } }, mode: { replicas: 3 } };
  const text = summarize(fieldChanges(before, after));
  expect(text).toBe('mode.replicas 1 -> 3, task.container.env, task.container.image a:1 -> a:2');
});
