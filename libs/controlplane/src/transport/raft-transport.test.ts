import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';

import { EMPTY_MEMBERSHIP, type Member, type Message } from '@skep/raft';

import { TestAuthority, until } from '../driver/testing/test-group.ts';
import { ManagerServer } from './manager-server.ts';
import { RaftTransport } from './raft-transport.ts';
import { RAFT_FRAME_BYTES_MAX, linkClassOf } from './raft-wire.ts';

const logger = pino({ level: 'silent' });
const SNAPSHOT_BYTES = 16 * 1024 * 1024;

interface End {
  readonly member: Member;
  readonly server: ManagerServer;
  readonly transport: RaftTransport;
  readonly received: Message[];
  readonly unreachable: number[];
  readonly snapshotsSent: boolean[];
}

let ends: End[] = [];
afterEach(async () => {
  for (const { transport, server } of ends) {
    transport.close();
    await server.close();
  }
  ends = [];
});

interface EndOptions {
  /** False for a member that takes connections and never reads from them. */
  readonly hears?: boolean;
  readonly port?: number;
}

async function makeEnd(
  authority: TestAuthority,
  raftId: number,
  { hears = true, port: wantedPort = 0 }: EndOptions = {},
): Promise<End> {
  const nodeId = `n${String(raftId)}`;
  const tls = await authority.issue(nodeId, 'manager');
  const { clusterId } = authority;
  const received: Message[] = [];
  const unreachable: number[] = [];
  const snapshotsSent: boolean[] = [];
  const made: { transport?: RaftTransport } = {};
  const server = new ManagerServer({
    clusterId,
    tls,
    logger,
    pathOf: (path) =>
      path === '/raft'
        ? {
            roles: ['manager'],
            isOpenToAll: false,
            frameBytesMax: RAFT_FRAME_BYTES_MAX,
            accept: (accepted) => {
              if (hears) {
                made.transport?.accept(accepted);
              } else {
                accepted.socket.pause();
              }
            },
          }
        : undefined,
  });
  const { port } = await server.listen('127.0.0.1', wantedPort);
  const member: Member = { raftId, nodeId, addr: `127.0.0.1:${String(port)}` };
  made.transport = new RaftTransport({
    clusterId,
    self: () => member,
    tls,
    logger,
    onMessages: (messages) => {
      received.push(...messages);
    },
    onUnreachable: (id) => {
      unreachable.push(id);
    },
    onSnapshotSent: (_id, hasArrived) => {
      snapshotsSent.push(hasArrived);
    },
    onRemoved: () => undefined,
    loadSnapshot: () => new Uint8Array(SNAPSHOT_BYTES),
  });
  const end = { member, server, transport: made.transport, received, unreachable, snapshotsSent };
  ends.push(end);
  return end;
}

async function makePair({ secondHears = true } = {}): Promise<readonly [End, End]> {
  const authority = await TestAuthority.create();
  const pair = [await makeEnd(authority, 1), await makeEnd(authority, 2, { hears: secondHears })] as const;
  for (const { transport } of pair) {
    transport.setMembers(
      pair.map(({ member }) => member),
      [],
    );
  }
  await until('the links are up', () =>
    pair.every((end) => end.transport.isConnected(end === pair[0] ? 2 : 1)),
  );
  return pair;
}

const heartbeat: Message = { type: 'heartbeat', from: 1, to: 2, term: 1, commit: 0, readRound: 0 };
const snapshot: Message = {
  type: 'snapshot',
  from: 1,
  to: 2,
  term: 1,
  snapshot: { meta: { logIndex: 9, term: 1, membership: EMPTY_MEMBERSHIP }, data: new Uint8Array(0) },
};

describe('two managers', { timeout: 60_000 }, () => {
  test('a heartbeat does not wait behind a snapshot, which comes whole', async () => {
    const [one, two] = await makePair();
    await until('the control link carries', () => {
      one.transport.send([heartbeat]);
      return two.received.length > 0;
    });
    two.received.splice(0);
    one.transport.send([snapshot]);
    one.transport.send([heartbeat]);
    await until('the snapshot', () => two.received.some(({ type }) => type === 'snapshot'), 30_000);
    expect(two.received[0]?.type).toBe('heartbeat');
    const whole = two.received.find((message) => message.type === 'snapshot');
    expect(whole?.type === 'snapshot' && whole.snapshot.data.length).toBe(SNAPSHOT_BYTES);
    expect(one.snapshotsSent).toEqual([true]);
  });

  test('what cannot be sent is told, not queued', async () => {
    const [one, two] = await makePair();
    two.transport.close();
    await two.server.close();
    await until('the link is down', () => !one.transport.isConnected(2));
    const append: Message = {
      ...{ type: 'append', from: 1, to: 2, term: 1 },
      ...{ prevLogIndex: 0, prevLogTerm: 0, entries: [], commit: 0 },
    };
    one.transport.send([append, snapshot]);
    await until('the snapshot is given up', () => one.snapshotsSent.length > 0);
    expect([one.unreachable, one.snapshotsSent]).toEqual([[2], [false]]);
  });

  test('what a peer does not take is dropped at 64 MiB and told, never gathered without end', async () => {
    const [one] = await makePair({ secondHears: false });
    const data = new Uint8Array(1024 * 1024);
    const append: Message = {
      ...{ type: 'append', from: 1, to: 2, term: 1 },
      ...{
        prevLogIndex: 0,
        prevLogTerm: 0,
        entries: [{ logIndex: 1, term: 1, kind: 'normal', data }],
        commit: 0,
      },
    };
    let taken = 0;
    while (one.unreachable.length === 0 && taken < 200) {
      one.transport.send([append]);
      taken += 1;
    }
    expect(one.unreachable).toEqual([2]);
    // What the kernel holds comes on top.
    expect(taken).toBeGreaterThanOrEqual(64);
    expect(taken).toBeLessThan(100);
  });

  test('a member that comes back at its address is found again', async () => {
    const authority = await TestAuthority.create();
    const one = await makeEnd(authority, 1);
    const two = await makeEnd(authority, 2);
    one.transport.setMembers([one.member, two.member], []);
    await until('the link is up', () => one.transport.isConnected(2));
    two.transport.close();
    await two.server.close();
    await until('the link is down', () => !one.transport.isConnected(2));
    const again = await makeEnd(authority, 2, { port: Number(two.member.addr.split(':')[1]) });
    await until('the link is up again', () => one.transport.isConnected(2));
    await until('the control link carries', () => {
      one.transport.send([heartbeat]);
      return again.received.length > 0;
    });
    expect(again.received[0]?.type).toBe('heartbeat');
  });
});

test.each([
  ['heartbeat', 'control'],
  ['heartbeatReply', 'control'],
  ['vote', 'control'],
  ['preVote', 'control'],
  ['voteReply', 'control'],
  ['timeoutNow', 'control'],
  ['appendReply', 'control'],
  ['append', 'bulk'],
  ['snapshot', 'bulk'],
  ['forward', 'bulk'],
] as const)('%s goes by the %s link', (type, linkClass) => {
  expect(linkClassOf({ type } as Message)).toBe(linkClass);
});
