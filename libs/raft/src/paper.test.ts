import { describe, expect, test } from 'vitest';

import { Prng } from '@skep/kernel';

import { RAFT_CONFIG_DEFAULTS, type RaftConfig } from './config.ts';
import type { Entry } from './entry.ts';
import { initialMembership } from './membership.ts';
import type { Message, MessageBody } from './message.ts';
import { RaftNode, type Ready } from './raft-node.ts';

/** The Raft paper (extended version), section by section: what it says a server does, one test each. */

const E = RAFT_CONFIG_DEFAULTS.electionTicks;

interface Start {
  readonly count?: number;
  /** Terms of the entries on disk. */
  readonly log?: readonly number[];
  readonly term?: number;
  readonly vote?: number;
  readonly commit?: number;
  readonly config?: Partial<RaftConfig>;
}

function entriesOf(terms: readonly number[], after = 0): readonly Entry[] {
  return terms.map((term, i) => ({ logIndex: after + i + 1, term, kind: 'normal', data: new Uint8Array(0) }));
}

/** Node 1 of a group, without pre-vote: that is not in the paper. */
class Server {
  readonly node: RaftNode;
  written: Entry[] = [];
  applied: Entry[] = [];

  constructor({
    count = 3,
    log = [],
    term = log.at(-1) ?? 0,
    vote = 0,
    commit = 0,
    config = {},
  }: Start = {}) {
    const members = Array.from({ length: count }, (_, i) => ({ raftId: i + 1, nodeId: '', addr: '' }));
    this.node = new RaftNode(
      {
        ...RAFT_CONFIG_DEFAULTS,
        usePreVote: false,
        useCheckQuorum: false,
        raftId: 1,
        random: { nextInt: () => 0 },
        ...config,
      },
      {
        hardState: { term, vote, commit },
        snapshot: { logIndex: 0, term: 0, membership: initialMembership(members) },
        entries: entriesOf(log),
      },
    );
    this.written = [...entriesOf(log)];
    this.drain();
  }

  /** Does all that is ready, as a host would; the answer is what was sent. */
  drain(): readonly Message[] {
    const sent: Message[] = [];
    while (this.node.hasReady()) {
      const ready: Ready = this.node.ready();
      const first = ready.entries[0]?.logIndex ?? Number.MAX_SAFE_INTEGER;
      this.written = [...this.written.filter((entry) => entry.logIndex < first), ...ready.entries];
      this.applied.push(...ready.committed);
      sent.push(...ready.messages, ...ready.messagesAfterWrite);
      this.node.advance();
    }
    return sent;
  }

  receive(from: number, term: number, body: MessageBody): readonly Message[] {
    this.node.step({ ...body, from, to: 1, term });
    return this.drain();
  }

  ticks(count: number): readonly Message[] {
    return Array.from({ length: count }).flatMap(() => {
      this.node.tick();
      return this.drain();
    });
  }

  get role(): string {
    return this.node.status().role;
  }

  get terms(): readonly number[] {
    return this.written.map((entry) => entry.term);
  }

  /** Wins an election; its first entry is not acknowledged yet. */
  lead(): readonly Message[] {
    this.node.campaign();
    this.drain();
    const votes = Math.floor(this.node.membership.voters.length / 2);
    return Array.from({ length: votes }).flatMap((_, i) =>
      this.receive(i + 2, this.node.term, { type: 'voteReply', isRejected: false, commit: 0, commitTerm: 0 }),
    );
  }

  acknowledge(from: number, logIndex: number): readonly Message[] {
    return this.receive(from, this.node.term, {
      type: 'appendReply',
      logIndex,
      isRejected: false,
      hintIndex: 0,
      hintTerm: 0,
    });
  }
}

const heartbeat: MessageBody = { type: 'heartbeat', commit: 0, readRound: 0 };

function voteOf(lastLogIndex: number, lastLogTerm: number): MessageBody {
  return { type: 'vote', lastLogIndex, lastLogTerm, isTransfer: false, commit: 0, commitTerm: 0 };
}

function appendOf(prev: readonly [number, number], terms: readonly number[], commit = 0): MessageBody {
  const [prevLogIndex, prevLogTerm] = prev;
  return { type: 'append', prevLogIndex, prevLogTerm, entries: entriesOf(terms, prevLogIndex), commit };
}

function grantTo(server: Server, from: number, term: number, body: MessageBody): boolean {
  const reply = server.receive(from, term, body).find((message) => message.type === 'voteReply');
  return reply?.type === 'voteReply' && !reply.isRejected;
}

describe('5.1 terms', () => {
  test.each(['follower', 'candidate', 'leader'])('a %s that meets a later term follows in it', (role) => {
    const server = new Server({ term: 1 });
    if (role === 'candidate') {
      server.node.campaign();
      server.drain();
    } else if (role === 'leader') {
      server.lead();
    }
    expect(server.role).toBe(role);
    server.receive(2, 9, heartbeat);
    expect([server.role, server.node.term, server.node.leaderId]).toEqual(['follower', 9, 2]);
  });

  test('a message of an earlier term changes nothing', () => {
    const server = new Server({ log: [1, 2], term: 5 });
    server.receive(2, 4, appendOf([0, 0], [4, 4, 4]));
    expect(server.terms).toEqual([1, 2]);
    expect([server.node.term, server.node.leaderId]).toEqual([5, 0]);
  });
});

describe('5.2 leader election', () => {
  test('a server starts as a follower, and stays one while it hears a leader', () => {
    const server = new Server();
    for (let i = 0; i < 5; i += 1) {
      server.ticks(E - 1);
      server.receive(2, 1, heartbeat);
    }
    expect(server.role).toBe('follower');
  });

  test('silence makes it a candidate of the next term that votes for itself and asks all others', () => {
    const server = new Server({ term: 3 });
    const sent = server.ticks(E);
    expect([server.role, server.node.term]).toEqual(['candidate', 4]);
    expect(sent.map(({ type, to, term }) => [type, to, term])).toEqual([
      ['vote', 2, 4],
      ['vote', 3, 4],
    ]);
  });

  test('a candidate without a result starts another election', () => {
    const server = new Server();
    server.ticks(E);
    server.ticks(E);
    expect([server.role, server.node.term]).toEqual(['candidate', 2]);
  });

  test.each<[size: number, granted: number, refused: number, role: string]>([
    [1, 0, 0, 'leader'],
    [3, 2, 0, 'leader'],
    [3, 1, 1, 'leader'],
    [3, 0, 2, 'follower'],
    [3, 0, 1, 'candidate'],
    [5, 2, 2, 'leader'],
    [5, 1, 3, 'follower'],
    [5, 1, 2, 'candidate'],
    [7, 3, 0, 'leader'],
    [7, 2, 3, 'candidate'],
  ])(
    'of %i servers, %i votes beside its own and %i refusals make it a %s',
    (size, granted, refused, role) => {
      const server = new Server({ count: size });
      server.node.campaign();
      server.drain();
      for (let i = 0; i < granted + refused; i += 1) {
        const isRejected = i >= granted;
        server.receive(i + 2, 1, { type: 'voteReply', isRejected, commit: 0, commitTerm: 0 });
      }
      expect(server.role).toBe(role);
    },
  );

  test('one vote a term, first come, and again for the same', () => {
    const server = new Server();
    expect(grantTo(server, 2, 1, voteOf(0, 0))).toBe(true);
    expect(grantTo(server, 3, 1, voteOf(0, 0))).toBe(false);
    expect(grantTo(server, 2, 1, voteOf(0, 0))).toBe(true);
    expect(grantTo(server, 3, 2, voteOf(0, 0))).toBe(true);
  });

  test('the vote survives a restart', () => {
    expect(grantTo(new Server({ term: 1, vote: 2 }), 3, 1, voteOf(0, 0))).toBe(false);
  });

  test('a candidate that hears a leader of its term follows it', () => {
    const server = new Server();
    server.ticks(E);
    server.receive(3, 1, appendOf([0, 0], [1]));
    expect([server.role, server.node.leaderId]).toEqual(['follower', 3]);
  });

  test('a leader sends heartbeats to all', () => {
    const server = new Server();
    server.lead();
    const sent = server.ticks(RAFT_CONFIG_DEFAULTS.heartbeatTicks).filter(({ type }) => type === 'heartbeat');
    expect(sent.map(({ to }) => to)).toEqual([2, 3]);
  });

  test('timeouts are drawn from [E, 2E), all of it', () => {
    const random = new Prng(11n);
    const seen = new Set<number>();
    for (let run = 0; run < 400; run += 1) {
      const server = new Server({ config: { random } });
      let waited = 0;
      for (; server.role === 'follower'; waited += 1) {
        server.ticks(1);
      }
      seen.add(waited);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: E }, (_, i) => E + i));
  });
});

describe('5.3 log replication', () => {
  test('a proposal is appended and sent to all in parallel, with what comes before it', () => {
    const server = new Server();
    server.lead();
    server.acknowledge(2, 1);
    server.acknowledge(3, 1);
    server.node.propose(new Uint8Array([7]));
    const sent = server.drain().filter((message) => message.type === 'append' && message.entries.length > 0);
    expect(
      sent.map((message) => (message.type === 'append' ? [message.to, message.prevLogIndex] : [])),
    ).toEqual([
      [2, 1],
      [3, 1],
    ]);
  });

  test.each<[size: number, acknowledgers: number, isCommitted: boolean]>([
    [1, 0, true],
    [3, 0, false],
    [3, 1, true],
    [5, 1, false],
    [5, 2, true],
    [7, 2, false],
    [7, 3, true],
  ])('of %i servers, %i acknowledgements: committed %s', (size, acknowledgers, isCommitted) => {
    const server = new Server({ count: size });
    server.lead();
    for (let i = 0; i < acknowledgers; i += 1) {
      server.acknowledge(i + 2, 1);
    }
    expect(server.node.status().commit).toBe(isCommitted ? 1 : 0);
  });

  test.each<[log: readonly number[]]>([[[]], [[2]], [[1, 2]], [[1]]])(
    'an entry of the own term commits the earlier ones %j with it, in order',
    (log) => {
      const server = new Server({ log, term: 2 });
      server.lead();
      server.acknowledge(2, log.length + 1);
      expect(server.applied.map(({ logIndex, term }) => [logIndex, term])).toEqual(
        [...log, 3].map((term, i) => [i + 1, term]),
      );
    },
  );

  test('a follower applies what the leader says is committed, and no more', () => {
    const server = new Server();
    server.receive(2, 1, appendOf([0, 0], [1, 1, 1], 2));
    expect(server.applied.map(({ logIndex }) => logIndex)).toEqual([1, 2]);
  });

  test.each<[prev: readonly [number, number], isTaken: boolean]>([
    [[0, 0], true],
    [[1, 1], true],
    [[2, 2], true],
    [[1, 2], false],
    [[2, 1], false],
    [[3, 3], false],
  ])('a follower with terms 1 2 asked to append after %j: taken %s', (prev, isTaken) => {
    const server = new Server({ log: [1, 2] });
    const [reply] = server.receive(2, 3, appendOf(prev, []));
    expect(reply?.type === 'appendReply' && !reply.isRejected).toBe(isTaken);
  });

  test.each<[prev: readonly [number, number], terms: readonly number[], result: readonly number[]]>([
    [[2, 2], [3], [1, 2, 3]],
    [
      [1, 1],
      [3, 4],
      [1, 3, 4],
    ],
    [[0, 0], [1], [1, 2]],
    [[0, 0], [3], [3]],
  ])('conflicting entries after %j are replaced by %j', (prev, terms, result) => {
    const server = new Server({ log: [1, 2] });
    server.receive(2, 4, appendOf(prev, terms));
    expect(server.terms).toEqual(result);
  });

  test.each<[name: string, log: readonly number[]]>([
    ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b', [1, 1, 1, 4]],
    ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e', [1, 1, 1, 4, 4, 4, 4]],
    ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ])("figure 7, follower (%s), ends with the leader's log in a few round trips", (_name, log) => {
    const leader = new Server({ log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6], term: 7 });
    const follower = new Server({ log, term: 7 });
    let toFollower = leader.lead().filter(({ to }) => to === 2);
    let trips = 0;
    for (; toFollower.length > 0; trips += 1) {
      const answers = toFollower.flatMap((message) => {
        follower.node.step({ ...message, from: 2, to: 1 });
        return follower.drain();
      });
      toFollower = answers.flatMap((message) => {
        leader.node.step({ ...message, from: 2, to: 1 });
        return leader.drain().filter(({ to }) => to === 2);
      });
    }
    expect(follower.terms).toEqual([1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8]);
    expect(trips).toBeLessThanOrEqual(5);
  });
});

describe('5.4 safety', () => {
  test.each<[own: readonly number[], candidate: readonly [number, number], isGranted: boolean]>([
    [[1], [1, 1], true],
    [[1], [2, 1], true],
    [[1, 1], [1, 1], false],
    [[1], [1, 2], true],
    [[1, 1], [1, 2], true],
    [[2], [1, 1], false],
    [[2], [2, 1], false],
    [[1, 1], [1, 1], false],
  ])('5.4.1: terms %j asked for a vote by a log that ends at %j: granted %s', (own, candidate, isGranted) => {
    const server = new Server({ log: own });
    expect(grantTo(server, 2, 3, voteOf(...candidate))).toBe(isGranted);
  });

  test('5.4.1: a candidate names its last entry', () => {
    const server = new Server({ log: [1, 2, 2] });
    const [vote] = server.ticks(E);
    expect(vote).toMatchObject({ type: 'vote', lastLogIndex: 3, lastLogTerm: 2 });
  });

  test('5.4.2: entries of earlier terms are not committed by counting', () => {
    const server = new Server({ log: [1, 2], term: 2 });
    server.lead();
    server.acknowledge(2, 2);
    expect(server.node.status().commit).toBe(0);
    server.acknowledge(2, 3);
    expect(server.node.status().commit).toBe(3);
  });
});
