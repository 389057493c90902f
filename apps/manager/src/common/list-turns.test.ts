import { expect, test } from 'vitest';

import { ListTurns } from './list-turns.ts';

test('few lists are made at a time, the others in their order, and too many are refused', async () => {
  const turns = new ListTurns({ running: 1, waiting: 2 });
  const endFirst = await turns.take();
  const order: string[] = [];
  const second = turns.take().then((end) => {
    order.push('second');
    return end;
  });
  const third = turns.take().then((end) => {
    order.push('third');
    return end;
  });
  await expect(turns.take()).rejects.toMatchObject({
    code: 'resource_exhausted',
    details: { retryAfterSeconds: 2 },
  });
  expect(order).toEqual([]);
  endFirst();
  endFirst();
  const endSecond = await second;
  expect(order).toEqual(['second']);
  endSecond();
  (await third)();
  expect(order).toEqual(['second', 'third']);
  (await turns.take())();
});
