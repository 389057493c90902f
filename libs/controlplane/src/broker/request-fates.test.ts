import { describe, expect, test } from 'vitest';

import { SwarmError } from '@skep/kernel';

import { RequestFates } from './request-fates.ts';

describe('RequestFates', () => {
  test('an entry of a later term proves that what has left no entry was not made', async () => {
    const fates = new RequestFates();
    const request = fates.watch('r1', 4);
    fates.applied({ requestId: 'r2' });
    fates.reachedTerm(4);
    let told: string | undefined;
    const fate = request.fate().then((verdict) => (told = verdict));
    await Promise.resolve();
    expect(told).toBeUndefined();
    fates.reachedTerm(5);
    expect(await fate).toBe('notMade');
  });

  test('an entry of the request proves that it was made, also when it comes before the question', async () => {
    const fates = new RequestFates();
    const request = fates.watch('r1', 4);
    fates.applied({ requestId: 'r1' });
    fates.reachedTerm(5);
    expect(await request.fate()).toBe('made');
  });

  test('an entry that was refused when it was applied made nothing', async () => {
    const fates = new RequestFates();
    const request = fates.watch('r1', 4);
    fates.applied({ requestId: 'r1', error: new SwarmError('version_conflict', 'overtaken') });
    fates.reachedTerm(5);
    expect(await request.fate()).toBe('notMade');
  });

  test('a snapshot in the place of entries leaves it open', async () => {
    const fates = new RequestFates();
    const request = fates.watch('r1', 4);
    fates.restored();
    fates.reachedTerm(5);
    expect(await request.fate()).toBe('unknown');
  });

  test('ending the watch lets nobody wait', async () => {
    const fates = new RequestFates();
    const request = fates.watch('r1', 4);
    const fate = request.fate();
    request.end();
    expect(await fate).toBe('unknown');
  });
});
