import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from 'vitest';

import { TestGroup, until, type TestMember } from './testing/test-group.ts';

let group: TestGroup | undefined;
afterEach(async () => {
  await group?.close();
  group = undefined;
});

const TIMEOUT = { timeoutMs: 20_000 };
const threadUrl = new URL('./testing/faulty-disk-thread.ts', import.meta.url);

/** Tells the disk of a member what to do; see testing/faulty-disk-thread.ts. */
function setDisk(member: TestMember, order: 'full' | 'ok' | number): void {
  const file = join(group?.folder ?? '', `${member.nodeId}.disk`);
  if (order === 'ok') {
    rmSync(file, { force: true });
  } else {
    writeFileSync(file, String(order));
  }
}

async function threeOnFaultyDisks(): Promise<{ leader: TestMember; others: readonly string[] }> {
  group = await TestGroup.create({ threadUrl });
  await group.grow(3);
  const leader = await group.leader();
  await leader.handle.propose(Buffer.from('before'), TIMEOUT);
  return { leader, others: ['n1', 'n2', 'n3'].filter((nodeId) => nodeId !== leader.nodeId) };
}

describe('a leader on a bad disk', { timeout: 60_000 }, () => {
  test('that is full hands over, says so, follows again when there is room, and lost nothing', async () => {
    const { leader, others } = await threeOnFaultyDisks();
    setDisk(leader, 'full');
    const inFlight = leader.handle.propose(Buffer.from('x'), TIMEOUT).catch(() => undefined);
    const next = (await group?.leader(others)) as TestMember;
    expect(leader.handle.status().disk).toBe('full');
    const { logIndex } = await next.handle.propose(Buffer.from('meanwhile'), TIMEOUT);
    expect(leader.lastIndex).toBeLessThan(logIndex);
    setDisk(leader, 'ok');
    await until('it has room and all that it missed', () => leader.lastIndex >= logIndex);
    await until('it says so', () => leader.handle.status().disk === 'ok');
    await inFlight;
    expect(leader.applied.at(-1)).toBe('meanwhile');
    expect(leader.applied).toEqual(next.applied);
    await next.handle.transferLeadership(leader.nodeId);
    await leader.handle.propose(Buffer.from('leads again'), TIMEOUT);
  });

  test('that stalls hands over to one that keeps up', async () => {
    const { leader, others } = await threeOnFaultyDisks();
    const { term } = leader.handle.status();
    setDisk(leader, 4_000);
    const late = leader.handle.propose(Buffer.from('x'), TIMEOUT).catch(() => undefined);
    const next = (await group?.leader(others)) as TestMember;
    await next.handle.propose(Buffer.from('quick'), TIMEOUT);
    expect(next.handle.status().term).toBe(term + 1);
    setDisk(leader, 'ok');
    await until('the slow one has it', () => leader.applied.includes('quick'), 20_000);
    await late;
    expect(leader.applied).toEqual(next.applied);
  });

  test('stays when nobody else is there, and says what is wrong', async () => {
    group = await TestGroup.create({ threadUrl });
    const only = await group.grow(1);
    await only.handle.propose(Buffer.from('before'), TIMEOUT);
    setDisk(only, 'full');
    const inFlight = only.handle
      .propose(Buffer.from('kept'), TIMEOUT)
      .catch((error: unknown) => String(error));
    await until('it says so', () => only.handle.status().disk === 'full');
    await until('it steps down', () => only.handle.status().role !== 'leader');
    await expect(only.handle.propose(Buffer.from('y'), TIMEOUT)).rejects.toThrow(
      'the disk of this manager is full',
    );
    setDisk(only, 'ok');
    await until('it leads again', () => only.handle.status().role === 'leader');
    await only.handle.propose(Buffer.from('after'), TIMEOUT);
    await inFlight;
    expect(only.applied).toEqual(['before', 'kept', 'after']);
  });
});
