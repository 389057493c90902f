import { afterEach, describe, expect, test } from 'vitest';

import type { SwarmError } from '@skep/kernel';

import { TestGroup, freePort, until } from './testing/test-group.ts';

let group: TestGroup | undefined;
afterEach(async () => {
  await group?.close();
  group = undefined;
});

const TIMEOUT = { timeoutMs: 10_000 };

/** The error that a promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<SwarmError> {
  return promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as SwarmError,
  );
}

describe('three managers over TLS', { timeout: 90_000 }, () => {
  test('elect a leader, agree, survive its loss, and take it back with its state', async () => {
    group = await TestGroup.create();
    await group.grow(3);
    const first = await group.leader();
    for (let i = 0; i < 20; i += 1) {
      await first.handle.propose(Buffer.from(`a${String(i)}`), TIMEOUT);
    }
    await group.stop(first.nodeId);
    const rest = ['n1', 'n2', 'n3'].filter((nodeId) => nodeId !== first.nodeId);
    const second = await group.leader(rest);
    await second.handle.propose(Buffer.from('b'), TIMEOUT);
    const back = await group.restart(first.nodeId);
    await until('the old leader has everything', () => back.applied.at(-1) === 'b');
    expect(back.applied).toEqual(second.applied);
    expect(back.applied).toHaveLength(21);
  });

  test('all stop at once and come back with every acknowledged change', async () => {
    group = await TestGroup.create();
    await group.grow(3);
    const leader = await group.leader();
    const count = 200;
    await Promise.all(
      Array.from({ length: count }, (_, i) => leader.handle.propose(Buffer.from(`v${String(i)}`), TIMEOUT)),
    );
    const ids = ['n1', 'n2', 'n3'];
    await Promise.all(ids.map((nodeId) => group?.stop(nodeId) ?? Promise.resolve()));
    for (const nodeId of ids) {
      await group.restart(nodeId);
    }
    const again = await group.leader();
    const { logIndex } = await again.handle.propose(Buffer.from('after'), TIMEOUT);
    const members = [...group.members.values()];
    await until('all have applied it', () => members.every((member) => member.lastIndex >= logIndex));
    for (const member of members) {
      expect(member.applied.slice(0, count)).toEqual(
        Array.from({ length: count }, (_, i) => `v${String(i)}`),
      );
      expect(member.applied.at(-1)).toBe('after');
    }
  });

  test('a fourth joins by snapshot, and restarts from its own', async () => {
    group = await TestGroup.create({ snapshotIntervalEntries: 50, snapshotKeepEntries: 5 });
    await group.grow(3);
    const leader = await group.leader();
    for (let i = 0; i < 180; i += 1) {
      await leader.handle.propose(Buffer.from(`v${String(i)}`), TIMEOUT);
    }
    await until(
      'a snapshot',
      () => leader.snapshotsTaken >= 2 && leader.handle.status().snapshotIndex >= 100,
    );
    const fourth = await group.add('n4', { kind: 'join', peers: [leader.addr] });
    await until('it has everything', () => fourth.applied.length === 180);
    expect(fourth.applied).toEqual(leader.applied);
    expect(fourth.snapshotsRestored).toBe(1);
    await until('it is a voter', () => {
      const self = leader.handle.status().members.find((member) => member.nodeId === 'n4');
      return self?.role === 'voter';
    });
    await group.stop('n4');
    const back = await group.restart('n4');
    await until('it has everything again', () => back.applied.length === 180);
    expect(back.applied).toEqual(leader.applied);
  });

  test('a minority refuses writes and reads, and goes on when the others are back', async () => {
    group = await TestGroup.create();
    await group.grow(3);
    const leader = await group.leader();
    const others = ['n1', 'n2', 'n3'].filter((nodeId) => nodeId !== leader.nodeId);
    await Promise.all(others.map((nodeId) => group?.stop(nodeId) ?? Promise.resolve()));
    const inFlight = errorOf(leader.handle.propose(Buffer.from('x'), TIMEOUT));
    await until('the leader steps down', () => !leader.handle.status().hasQuorum);
    expect((await errorOf(leader.handle.propose(Buffer.from('y'), TIMEOUT))).code).toBe('unavailable');
    expect((await errorOf(leader.handle.readIndex())).code).toBe('unavailable');
    expect((await inFlight).code).toBe('unavailable');
    await group.restart(others[0] ?? '');
    const next = await group.leader();
    await next.handle.propose(Buffer.from('z'), TIMEOUT);
    expect(next.applied).not.toContain('y');
  });

  test('a follower names the leader, reads its index, and can be handed the leadership', async () => {
    group = await TestGroup.create();
    await group.grow(3);
    const leader = await group.leader();
    const follower = [...group.members.values()].find((member) => member !== leader);
    if (follower === undefined) {
      throw new Error('no follower');
    }
    const refused = await errorOf(follower.handle.propose(Buffer.from('x'), TIMEOUT));
    expect(refused.code).toBe('not_leader');
    expect(refused.details['leaderAddr']).toBe(leader.addr);
    const { logIndex } = await leader.handle.propose(Buffer.from('x'), TIMEOUT);
    expect(await follower.handle.readIndex()).toBeGreaterThanOrEqual(logIndex);
    await leader.handle.transferLeadership(follower.nodeId);
    await until('the follower leads', () => follower.handle.status().role === 'leader');
    await follower.handle.propose(Buffer.from('y'), TIMEOUT);
  });

  test('a proposal of an earlier term is refused, although the same manager leads again', async () => {
    group = await TestGroup.create();
    await group.grow(3);
    const leader = await group.leader();
    const other = [...group.members.values()].find((member) => member !== leader);
    const { term } = leader.handle.status();
    await leader.handle.propose(Buffer.from('x'), { ...TIMEOUT, term });
    await leader.handle.transferLeadership(other?.nodeId);
    await until('the other leads', () => other?.handle.status().role === 'leader');
    await other?.handle.transferLeadership(leader.nodeId);
    await until('it leads again', () => leader.handle.status().role === 'leader');
    const late = errorOf(leader.handle.propose(Buffer.from('late'), { ...TIMEOUT, term }));
    // Another one of the same turn does not suffer from it.
    const { logIndex } = await leader.handle.propose(Buffer.from('y'), TIMEOUT);
    expect((await late).code).toBe('not_leader');
    const current = { ...TIMEOUT, term: leader.handle.status().term };
    expect((await leader.handle.propose(Buffer.from('z'), current)).logIndex).toBe(logIndex + 1);
  });

  test('a removed member hears of it', async () => {
    group = await TestGroup.create();
    await group.grow(3);
    const leader = await group.leader();
    const gone = ['n1', 'n2', 'n3'].find((nodeId) => nodeId !== leader.nodeId) ?? '';
    await leader.handle.changeMembership({ kind: 'remove', nodeId: gone });
    expect(leader.handle.status().members).toHaveLength(2);
    const itself = await errorOf(leader.handle.changeMembership({ kind: 'remove', nodeId: leader.nodeId }));
    expect(itself.message).toContain('hand the leadership over first');
    const removed = group.members.get(gone);
    await until('it knows', () => removed?.handle.status().isRemoved === true);
    await leader.handle.propose(Buffer.from('x'), TIMEOUT);
    expect((await errorOf(leader.handle.changeMembership({ kind: 'remove', nodeId: gone }))).code).toBe(
      'not_found',
    );
  });

  test('a change that would cost the quorum is refused', async () => {
    group = await TestGroup.create();
    await group.grow(3);
    const leader = await group.leader();
    const [away = '', live = ''] = ['n1', 'n2', 'n3'].filter((nodeId) => nodeId !== leader.nodeId);
    await group.stop(away);
    await until('it is missed', () => {
      const { members } = leader.handle.status();
      return members.some((member) => member.nodeId === away && member.isReachable === false);
    });
    const refused = await errorOf(leader.handle.changeMembership({ kind: 'demote', nodeId: live }));
    expect(refused.code).toBe('failed_precondition');
    expect(refused.message).toContain('2 managers of which 1 can be reached, and 2 are needed');
    await leader.handle.changeMembership({ kind: 'remove', nodeId: away });
    await leader.handle.changeMembership({ kind: 'demote', nodeId: live });
    await leader.handle.propose(Buffer.from('alone'), TIMEOUT);
  });

  test('a member that moves to another address tells the others', async () => {
    group = await TestGroup.create();
    await group.grow(3);
    const leader = await group.leader();
    const moving = ['n1', 'n2', 'n3'].find((nodeId) => nodeId !== leader.nodeId) ?? '';
    await group.stop(moving);
    const addr = `127.0.0.1:${String(await freePort())}`;
    const moved = await group.restart(moving, addr);
    await until('the leader knows the address', () =>
      leader.handle.status().members.some((member) => member.addr === addr),
    );
    const { logIndex } = await leader.handle.propose(Buffer.from('x'), TIMEOUT);
    await until('it follows', () => moved.lastIndex >= logIndex);
  });

  test('an address that changes while it runs is agreed on, and the others dial it there', async () => {
    group = await TestGroup.create();
    group.listenHost = '0.0.0.0';
    await group.grow(3);
    const leader = await group.leader();
    const moving = [...group.members.values()].find((member) => member !== leader);
    const { term } = leader.handle.status();
    // All of 127.0.0.0/8 is this host, and a test's member listens on every address.
    const addr = moving?.addr.replace('127.0.0.1', '127.0.0.2') ?? '';
    await moving?.handle.setAddress(addr);
    await until('all know the address', () =>
      [...(group?.members.values() ?? [])].every((member) =>
        member.handle.status().members.some((item) => item.addr === addr),
      ),
    );
    const { logIndex } = await leader.handle.propose(Buffer.from('x'), TIMEOUT);
    await until('it follows there', () => (moving?.lastIndex ?? 0) >= logIndex);
    expect(leader.handle.status().term).toBe(term);
  });

  test('a folder of another node, and a restart of nothing, are refused', async () => {
    group = await TestGroup.create();
    const refused = await errorOf(group.add('n1', { kind: 'restart' }));
    expect(refused.code).toBe('failed_precondition');
    expect(refused.message).toContain('no manager state');
  });
});
