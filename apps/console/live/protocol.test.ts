import { STREAM_SUBPROTOCOL, STREAM_TOPICS, TOPIC_PERMISSIONS } from '@skep/contract';
import { expect, test } from 'vitest';

import * as own from './protocol.ts';

test('the copied values of the stream are those of the contract', () => {
  expect(own.STREAM_SUBPROTOCOL).toBe(STREAM_SUBPROTOCOL);
  expect([...own.TOPICS].sort()).toEqual([...STREAM_TOPICS].sort());
  expect(own.TOPIC_PERMISSIONS).toEqual(TOPIC_PERMISSIONS);
});

test('frames of kinds yet unknown are skipped, not refused', () => {
  expect(own.parseServerFrame('{"t":"weather","sun":true}')).toBeUndefined();
  expect(own.parseServerFrame('[1]')).toBeUndefined();
  expect(own.parseServerFrame('{"t":"mark","rev":3,"ts":0}')).toEqual({ t: 'mark', rev: 3, ts: 0 });
});
