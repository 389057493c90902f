import { describe, expect, test } from 'vitest';

import { DetachKeyFilter, parseDetachKeys } from './detach-keys.ts';

describe('parseDetachKeys', () => {
  test.each([
    [undefined, [16, 17]],
    ['ctrl-a', [1]],
    ['ctrl-@,ctrl-_,z', [0, 31, 122]],
    ['a,b', [97, 98]],
  ])('%s', (text, bytes) => {
    expect([...parseDetachKeys(text)]).toEqual(bytes);
  });

  test.each(['ctrl-', 'ctrl-AA', 'shift-a', 'a,,b', ''])('"%s" is refused', (text) => {
    expect(() => parseDetachKeys(text)).toThrow(/Invalid detach keys/);
  });
});

describe('DetachKeyFilter', () => {
  const run = (chunks: string[]): { text: string; isDetached: boolean } => {
    const filter = new DetachKeyFilter(Buffer.from('xy'));
    let text = '';
    for (const chunk of chunks) {
      const { pass, isDetached } = filter.push(Buffer.from(chunk));
      text += Buffer.from(pass).toString();
      if (isDetached) {
        return { text, isDetached };
      }
    }
    return { text, isDetached: false };
  };

  test('finds the sequence also in pieces, and lets what was broken off through', () => {
    expect(run(['abxyz'])).toEqual({ text: 'ab', isDetached: true });
    expect(run(['abx', 'y'])).toEqual({ text: 'ab', isDetached: true });
    expect(run(['axb'])).toEqual({ text: 'axb', isDetached: false });
    expect(run(['xxy'])).toEqual({ text: 'x', isDetached: true });
  });
});
