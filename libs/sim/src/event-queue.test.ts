import { expect, test } from 'vitest';

import { Prng } from '@skep/kernel';

import { EventQueue } from './event-queue.ts';

test('events run in order of time, and of scheduling within one millisecond', () => {
  const queue = new EventQueue();
  const random = new Prng(1);
  const expected: { readonly atMs: number; readonly order: number }[] = [];
  const ran: { readonly atMs: number; readonly order: number }[] = [];
  for (let order = 0; order < 500; order += 1) {
    const item = { atMs: random.nextInt(50), order };
    expected.push(item);
    queue.after(item.atMs, () => {
      expect(queue.nowMs).toBe(item.atMs);
      ran.push(item);
    });
  }
  while (queue.step(1000)) {
    // Each step runs one event.
  }
  expect(ran).toEqual(expected.sort((a, b) => a.atMs - b.atMs || a.order - b.order));
});

test('time stops where it is told to', () => {
  const queue = new EventQueue();
  let ran = 0;
  queue.after(10, () => {
    ran += 1;
  });
  expect([queue.step(9), queue.nowMs, ran]).toEqual([false, 9, 0]);
  expect([queue.step(10), queue.nowMs, ran]).toEqual([true, 10, 1]);
});
