import fc from 'fast-check';
import { expect, test } from 'vitest';

import { FrameDecoder, encodeFrame, frameHeader } from './framing.ts';

test('the header is Docker’s', () => {
  expect([...frameHeader('stderr', 0x01_02_03_04)]).toEqual([2, 0, 0, 0, 1, 2, 3, 4]);
});

const frames = fc.array(
  fc.record({
    stream: fc.constantFrom('stdin' as const, 'stdout' as const, 'stderr' as const, 'systemerr' as const),
    payload: fc.uint8Array({ maxLength: 300 }),
  }),
);

test('frames cut into pieces of any size come out whole', () => {
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 50 }), (sent, pieceSize) => {
      const bytes = Buffer.concat(sent.map(({ stream, payload }) => encodeFrame(stream, payload)));
      const decoder = new FrameDecoder();
      const received = [];
      for (let i = 0; i < bytes.length; i += pieceSize) {
        received.push(...decoder.push(bytes.subarray(i, i + pieceSize)));
      }
      expect(received.map(({ stream, payload }) => [stream, [...payload]])).toEqual(
        sent.map(({ stream, payload }) => [stream, [...payload]]),
      );
    }),
  );
});
