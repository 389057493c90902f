import { expect, test } from 'vitest';

import { foldEvents } from './fold-events.ts';
import type { EventRow } from './rows.ts';

const event = (id: string, message: string, action = 'task.failed'): EventRow => ({
  id,
  logIndex: Number(id),
  seq: 0,
  atMs: 0,
  action,
  severity: 'warning',
  target: { kind: 'task' },
  message,
});

test('runs of the same happening become one line, the first of the run with its count', () => {
  const folded = foldEvents([
    event('5', 'web.1: no'),
    event('4', 'web.1: no'),
    event('3', 'node h1 is ready', 'node.ready'),
    event('2', 'web.1: no'),
    event('1', 'web.2: no'),
  ]);
  expect(folded.map(({ event: { id }, times }) => [id, times])).toEqual([
    ['5', 2],
    ['3', 1],
    ['2', 1],
    ['1', 1],
  ]);
});

test('nothing becomes nothing', () => {
  expect(foldEvents([])).toEqual([]);
});
