import { InvariantError, present } from '@skep/kernel';

import { RAFT_CONFIG_DEFAULTS, type RaftConfig } from '../config.ts';
import type { Entry } from '../entry.ts';
import { initialMembership, type Member, type MemberChange, type Membership } from '../membership.ts';
import type { Message } from '../message.ts';
import { RaftNode, type Ready, type StoredState } from '../raft-node.ts';

/** One command of a script: a verb, places (`1 2`), and named values (`to=2`). */
interface Command {
  readonly verb: string;
  readonly places: readonly string[];
  readonly named: ReadonlyMap<string, string>;
}

interface Host {
  readonly config: Omit<RaftConfig, 'raftId' | 'random'>;
  stored: StoredState;
  node: RaftNode | undefined;
}

const TEXT = new TextDecoder();
const STEPS_MAX = 200;

function memberOf(raftId: number): Member {
  return { raftId, nodeId: `n${String(raftId)}`, addr: `a${String(raftId)}` };
}

/**
 * Runs a group of nodes by a small command language and prints all that they do, so that a file with commands and
 * outputs is both a test and something to read. Nothing is random: node n waits n ticks longer than the least
 * election timeout. The verbs are in testdata/README.md.
 */
export class InteractionEnv {
  readonly #hosts = new Map<number, Host>();
  #network: Message[] = [];
  readonly #cut = new Set<number>();
  #lines: string[] = [];

  /** Carries out one line of a script; the answer is what it prints. */
  run(line: string): string {
    this.#lines = [];
    const command = parse(line);
    try {
      this.#execute(command);
    } catch (error) {
      if (error instanceof InvariantError) {
        this.#print(`broken invariant: ${error.message}`);
      } else {
        throw error;
      }
    }
    return this.#lines.length === 0 ? 'ok' : this.#lines.join('\n');
  }

  #print(line: string): void {
    this.#lines.push(line);
  }

  #execute(command: Command): void {
    const { verb, places, named } = command;
    const id = Number(places[0]);
    switch (verb) {
      case 'nodes':
        this.#addNodes(id, named);
        break;
      case 'learn-nothing':
        this.#addEmpty(id, named);
        break;
      case 'campaign':
        this.#node(id).campaign();
        break;
      case 'tick':
        this.#tick(id, Number(places[1] ?? '1'));
        break;
      case 'propose':
        this.#print(answerOf(this.#node(id).propose(new TextEncoder().encode(places[1] ?? ''))));
        break;
      case 'change':
        this.#change(id, places.slice(1));
        break;
      case 'transfer':
        this.#node(id).transferLeadership(Number(places[1]));
        break;
      case 'read':
        this.#print(this.#node(id).readIndex(Number(places[1])).ok ? 'asked' : 'refused');
        break;
      default:
        this.#executeOnWorld(command, id);
    }
  }

  #executeOnWorld({ verb, places, named }: Command, id: number): void {
    switch (verb) {
      case 'handle':
        this.#handle(id);
        break;
      case 'deliver':
        this.#deliver(named, true);
        break;
      case 'drop':
        this.#deliver(named, false);
        break;
      case 'stabilize':
        this.#stabilize(places.map(Number));
        break;
      case 'cut':
        places.forEach((place) => this.#cut.add(Number(place)));
        break;
      case 'mend':
        this.#cut.clear();
        break;
      case 'crash':
        this.#host(id).node = undefined;
        this.#network = this.#network.filter((message) => message.from !== id && message.to !== id);
        break;
      case 'restart':
        this.#start(id, this.#host(id));
        break;
      case 'compact':
        this.#compact(id, Number(places[1]));
        break;
      case 'logs':
        this.#printLogs();
        break;
      case 'status':
        this.#printStatus();
        break;
      default:
        throw new Error(`unknown verb: ${verb}`);
    }
  }

  #host(raftId: number): Host {
    return present(this.#hosts.get(raftId), `node ${String(raftId)}`);
  }

  #node(raftId: number): RaftNode {
    return present(this.#host(raftId).node, `running node ${String(raftId)}`);
  }

  /** `nodes 3 log1=1,1,2 term1=2 pre-vote=off`: voters 1 to 3, whose logs hold entries of the given terms. */
  #addNodes(count: number, named: ReadonlyMap<string, string>): void {
    const ids = Array.from({ length: count }, (_, i) => i + 1);
    const membership = initialMembership(ids.map(memberOf));
    for (const raftId of ids) {
      const terms = (named.get(`log${String(raftId)}`) ?? '').split(',').filter((term) => term !== '');
      const entries = terms.map((term, i): Entry => ({
        logIndex: i + 1,
        term: Number(term),
        kind: 'normal',
        data: new Uint8Array(0),
      }));
      const term = Number(named.get(`term${String(raftId)}`) ?? terms.at(-1) ?? '0');
      this.#add(raftId, named, {
        hardState: { term, vote: 0, commit: 0 },
        snapshot: { logIndex: 0, term: 0, membership },
        entries,
      });
    }
  }

  /** A node with an empty disk, which learns from others who is in the group. */
  #addEmpty(raftId: number, named: ReadonlyMap<string, string>): void {
    this.#add(raftId, named, {
      hardState: { term: 0, vote: 0, commit: 0 },
      snapshot: undefined,
      entries: [],
    });
  }

  #add(raftId: number, named: ReadonlyMap<string, string>, stored: StoredState): void {
    const limit = (name: string, byDefault: number): number => Number(named.get(name) ?? byDefault);
    const defaults = RAFT_CONFIG_DEFAULTS;
    const config = {
      ...defaults,
      usePreVote: named.get('pre-vote') !== 'off',
      useCheckQuorum: named.get('check-quorum') !== 'off',
      readMode: named.get('reads') === 'lease' ? ('lease' as const) : ('readIndex' as const),
      forwardProposals: named.get('forward') === 'on',
      messageBytesMax: limit('message-bytes', defaults.messageBytesMax),
      inflightMessagesMax: limit('inflight', defaults.inflightMessagesMax),
      inflightBytesMax: limit('inflight-bytes', defaults.inflightBytesMax),
      uncommittedBytesMax: limit('uncommitted-bytes', defaults.uncommittedBytesMax),
    };
    const host: Host = { config, stored, node: undefined };
    this.#hosts.set(raftId, host);
    this.#start(raftId, host);
  }

  #start(raftId: number, host: Host): void {
    host.node = new RaftNode(
      { ...host.config, raftId, random: { nextInt: (bound) => raftId % bound } },
      host.stored,
    );
  }

  #tick(raftId: number, count: number): void {
    for (let i = 0; i < count; i += 1) {
      this.#node(raftId).tick();
    }
  }

  /** `change 1 addVoter=4 remove=2`. */
  #change(raftId: number, items: readonly string[]): void {
    const changes = items.map((item): MemberChange => {
      const [kind = '', target = ''] = item.split('=');
      return kind === 'remove'
        ? { kind, raftId: Number(target) }
        : { kind: kind as 'addVoter' | 'addLearner' | 'update', member: memberOf(Number(target)) };
    });
    this.#print(answerOf(this.#node(raftId).proposeMembership({ transition: 'auto', changes })));
  }

  /** Carries out all that one node has ready. */
  #handle(raftId: number): boolean {
    const host = this.#host(raftId);
    let hasDone = false;
    for (let i = 0; i < STEPS_MAX && host.node?.hasReady() === true; i += 1) {
      hasDone = true;
      const ready = host.node.ready();
      this.#printReady(raftId, ready);
      store(host, ready);
      this.#send([...ready.messages, ...ready.messagesAfterWrite]);
      host.node.advance();
    }
    return hasDone;
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) {
      const isCut = this.#cut.has(message.from) || this.#cut.has(message.to);
      this.#print(`  ${describe(message)}${isCut ? ' (lost)' : ''}`);
      if (!isCut) {
        this.#network.push(message);
      }
    }
  }

  #printReady(raftId: number, ready: Ready): void {
    const parts: string[] = [];
    if (ready.softState !== undefined) {
      const { role, leaderId } = ready.softState;
      parts.push(leaderId === 0 || leaderId === raftId ? role : `${role} of ${String(leaderId)}`);
    }
    if (ready.hardState !== undefined) {
      const { term, vote, commit } = ready.hardState;
      parts.push(`term ${String(term)} vote ${String(vote)} commit ${String(commit)}`);
    }
    if (ready.snapshot !== undefined) {
      parts.push(`snapshot ${placeOf(ready.snapshot.meta)}`);
    }
    if (ready.entries.length > 0) {
      parts.push(`write ${ready.entries.map(entryText).join(' ')}`);
    }
    if (ready.committed.length > 0) {
      parts.push(`apply ${ready.committed.map(entryText).join(' ')}`);
    }
    if (ready.membership !== undefined) {
      parts.push(`membership ${membershipText(ready.membership)}`);
    }
    for (const read of ready.readStates) {
      parts.push(`read ${String(read.context)} at ${String(read.logIndex)}`);
    }
    this.#print(`${String(raftId)}: ${parts.length === 0 ? '-' : parts.join('; ')}`);
  }

  /** Delivers (or drops) what waits in the network, filtered by `to`, `from` and `type`. */
  #deliver(filter: ReadonlyMap<string, string>, isDelivered: boolean): void {
    const isMeant = (message: Message): boolean =>
      ['to', 'from', 'type'].every((field) => {
        const wanted = filter.get(field);
        return wanted === undefined || wanted === String(message[field as 'to' | 'from' | 'type']);
      });
    const meant = this.#network.filter(isMeant);
    this.#network = this.#network.filter((message) => !isMeant(message));
    for (const message of meant) {
      this.#print(`${isDelivered ? '->' : 'x '} ${describe(message)}`);
      if (isDelivered) {
        this.#hosts.get(message.to)?.node?.step(message);
      }
    }
  }

  /** Handles and delivers until nothing moves any more, among all nodes or the given ones. */
  #stabilize(among: readonly number[]): void {
    const ids = among.length > 0 ? among : [...this.#hosts.keys()].sort((a, b) => a - b);
    for (let i = 0; i < STEPS_MAX; i += 1) {
      let hasMoved = false;
      for (const raftId of ids) {
        hasMoved = this.#handle(raftId) || hasMoved;
      }
      const arriving = this.#network.filter((message) => ids.includes(message.to));
      this.#network = this.#network.filter((message) => !ids.includes(message.to));
      for (const message of arriving) {
        this.#hosts.get(message.to)?.node?.step(message);
      }
      if (!hasMoved && arriving.length === 0) {
        return;
      }
    }
    throw new Error('the group does not come to rest');
  }

  #compact(raftId: number, logIndex: number): void {
    const node = this.#node(raftId);
    const meta = node.snapshotMetaAt(logIndex);
    node.compact({ meta, data: new TextEncoder().encode(`state@${String(logIndex)}`) }, logIndex);
    const host = this.#host(raftId);
    const entries = host.stored.entries.filter((entry) => entry.logIndex > logIndex);
    host.stored = { ...host.stored, snapshot: meta, entries };
  }

  #printLogs(): void {
    for (const [raftId, host] of this.#hosts) {
      const base = host.stored.snapshot?.logIndex ?? 0;
      const prefix = base > 0 ? `[${String(base)}] ` : '';
      const terms = host.stored.entries.map((entry) => String(entry.term)).join(' ');
      this.#print(`${String(raftId)}: ${prefix}${terms}`.trimEnd());
    }
  }

  #printStatus(): void {
    for (const [raftId, host] of this.#hosts) {
      const status = host.node?.status();
      if (status === undefined) {
        this.#print(`${String(raftId)}: down`);
        continue;
      }
      const followers = status.followers
        .filter((follower) => follower.raftId !== raftId)
        .map(
          (item) =>
            `${String(item.raftId)} ${item.state} match ${String(item.match)} next ${String(item.next)}`,
        );
      const { role, term, commit, lastIndex } = status;
      const line = `${String(raftId)}: ${role} term ${String(term)} commit ${String(commit)} last ${String(lastIndex)}`;
      this.#print([line, ...followers].join('; '));
    }
  }
}

function parse(line: string): Command {
  const [verb = '', ...rest] = line.trim().split(/\s+/);
  const named = new Map<string, string>();
  const places: string[] = [];
  for (const item of rest) {
    const at = item.indexOf('=');
    if (at > 0 && verb !== 'change') {
      named.set(item.slice(0, at), item.slice(at + 1));
    } else {
      places.push(item);
    }
  }
  return { verb, places, named };
}

/** What the host's disk holds after a write. */
function store(host: Host, { snapshot, entries, hardState }: Ready): void {
  const { stored } = host;
  const first = entries[0]?.logIndex ?? Number.MAX_SAFE_INTEGER;
  const kept = snapshot === undefined ? stored.entries.filter((entry) => entry.logIndex < first) : [];
  host.stored = {
    hardState: hardState ?? stored.hardState,
    snapshot: snapshot?.meta ?? stored.snapshot,
    entries: [...kept, ...entries],
  };
}

function placeOf(at: { readonly logIndex: number; readonly term: number }): string {
  return `${String(at.logIndex)}/${String(at.term)}`;
}

function entryText(entry: Entry): string {
  if (entry.kind === 'membership') {
    return `${placeOf(entry)}(membership)`;
  }
  const data = TEXT.decode(entry.data);
  return data === '' ? placeOf(entry) : `${placeOf(entry)}(${data})`;
}

function membershipText(membership: Membership): string {
  const list = (name: string, ids: readonly number[]): string =>
    ids.length > 0 ? ` ${name} ${ids.join(',')}` : '';
  return (
    `voters ${membership.voters.join(',')}` +
    list('outgoing', membership.votersOutgoing) +
    list('learners', membership.learners) +
    list('next learners', membership.learnersNext)
  );
}

function answerOf(
  result:
    | { readonly ok: true; readonly value: { logIndex: number; term: number } }
    | { readonly ok: false; readonly error: Error },
): string {
  return result.ok ? `at ${placeOf(result.value)}` : `refused: ${result.error.message}`;
}

function describe(message: Message): string {
  const head = `${String(message.from)}->${String(message.to)} ${message.type} t${String(message.term)}`;
  switch (message.type) {
    case 'append': {
      const prev = `prev ${String(message.prevLogIndex)}/${String(message.prevLogTerm)}`;
      const entries = message.entries.map(entryText).join(' ');
      return `${head} ${prev} [${entries}] commit ${String(message.commit)}`;
    }
    case 'appendReply':
      return message.isRejected
        ? `${head} rejects ${String(message.logIndex)}, hint ${String(message.hintIndex)}/${String(message.hintTerm)}`
        : `${head} has ${String(message.logIndex)}`;
    case 'heartbeat':
      return `${head} commit ${String(message.commit)}${roundText(message.readRound)}`;
    case 'heartbeatReply':
      return `${head}${roundText(message.readRound)}`;
    case 'vote':
    case 'preVote':
      return `${head} last ${String(message.lastLogIndex)}/${String(message.lastLogTerm)}`;
    case 'voteReply':
    case 'preVoteReply':
      return `${head} ${message.isRejected ? 'no' : 'yes'}`;
    case 'snapshot':
      return `${head} ${placeOf(message.snapshot.meta)}`;
    case 'readIndexReply':
      return `${head} read ${String(message.context)} at ${String(message.logIndex)}`;
    case 'readIndex':
      return `${head} read ${String(message.context)}`;
    case 'transfer':
      return `${head} to ${String(message.transferee)}`;
    case 'timeoutNow':
    case 'forward':
      return head;
  }
}

function roundText(round: number): string {
  return round === 0 ? '' : ` round ${String(round)}`;
}
