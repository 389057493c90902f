import { describe, expect, test } from 'vitest';

import { searchLeader, type LeaderAnswer } from './leader-search.ts';

/** A manager that is switched off: whoever asks it waits until he gives up. */
const silence = (signal: AbortSignal): Promise<LeaderAnswer> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('given up'));
    });
  });

const managers = [{ nodeId: 'n1', addr: 'h1:2377' }];

describe('searchLeader', () => {
  test('a manager that is switched off does not keep the caller from the others', async () => {
    const given: AbortSignal[] = [];
    const answer = await searchLeader({
      addrs: ['h1', 'h2', 'h3'],
      ask: (addr, signal) => {
        given.push(signal);
        return addr === 'h3' ? Promise.resolve({ leaderAddr: 'h2:2377', managers }) : silence(signal);
      },
      isEnough: ({ leaderAddr }) => leaderAddr !== undefined,
      signal: new AbortController().signal,
    });
    expect(answer).toEqual({ leaderAddr: 'h2:2377', managers });
    expect(given.map(({ aborted }) => aborted)).toEqual([true, true, true]);
  });

  test('who still names the old leader does not end the search', async () => {
    const answer = await searchLeader({
      addrs: ['h2', 'h3'],
      ask: async (addr) => {
        await Promise.resolve();
        return { leaderAddr: addr === 'h2' ? 'h1:2377' : 'h3:2377', managers };
      },
      isEnough: ({ leaderAddr }) => leaderAddr !== undefined && leaderAddr !== 'h1:2377',
      signal: new AbortController().signal,
    });
    expect(answer?.leaderAddr).toBe('h3:2377');
  });

  test('without a leader the news about the managers is kept; without any answer there is nothing', async () => {
    const ask = (addr: string): Promise<LeaderAnswer> =>
      addr === 'h2' ? Promise.resolve({ managers }) : Promise.reject(new Error('refused'));
    const search = { ask, isEnough: () => false, signal: new AbortController().signal };
    expect(await searchLeader({ ...search, addrs: ['h1', 'h2'] })).toEqual({ managers });
    expect(await searchLeader({ ...search, addrs: ['h1', 'h3'] })).toBeUndefined();
    expect(await searchLeader({ ...search, addrs: [] })).toBeUndefined();
  });

  test('the caller may give up', async () => {
    const stop = new AbortController();
    const search = searchLeader({
      addrs: ['h1'],
      ask: (_addr, signal) => silence(signal),
      isEnough: () => true,
      signal: stop.signal,
    });
    stop.abort();
    expect(await search).toBeUndefined();
  });
});
