import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

import { pino, type Logger } from 'pino';

import { Prng, present, toErrorRecord } from '@skep/kernel';
import { RAFT_CONFIG_DEFAULTS, RaftNode, type Member } from '@skep/raft';

import { ChannelBridge } from '../transport/channel-bridge.ts';
import { ManagerServer, type ServerPath } from '../transport/manager-server.ts';
import { RPC_FRAME_BYTES_MAX, askManager, serveManagerRequest } from '../transport/manager-rpc.ts';
import { OwnAddress } from '../transport/own-address.ts';
import { RaftTransport } from '../transport/raft-transport.ts';
import { RAFT_FRAME_BYTES_MAX } from '../transport/raft-wire.ts';
import { GroupAdmin } from './group-admin.ts';
import type { RaftStartOptions, RaftStatus, TlsMaterial } from './raft-handle.ts';
import { KeyRotation } from './key-rotation.ts';
import { newRaftId } from './raft-id.ts';
import { RaftLoop } from './raft-loop.ts';
import { statusSignature, toRaftStatus } from './raft-status.ts';
import { openStorage, startMember, type MemberStart, type RaftStorage } from './raft-storage.ts';
import { ELECTION_TICKS, HEARTBEAT_TICKS, INFLIGHT_MESSAGES_MAX, TICK_MS } from './raft-timing.ts';
import { packEntries, type ThreadCommand, type ThreadData, type ThreadEvent } from './thread-protocol.ts';

/** The status is looked at this often, for changes that no event tells of. */
const STATUS_TICKS = 3;
const OWN_ADDRESS_TICKS = 40;
/** And sent this often even when it has not changed. */
const STATUS_REPEAT_TICKS = 20;

/** What runs in the Raft thread, put together: storage, node, loop, port, peers. */
class RaftThread {
  readonly #options: RaftStartOptions;
  readonly #logger: Logger;
  readonly #bridge: ChannelBridge;
  readonly #server: ManagerServer;
  readonly #storage: RaftStorage;
  readonly #node: RaftNode;
  readonly #transport: RaftTransport;
  readonly #loop: RaftLoop;
  readonly #admin: GroupAdmin;
  readonly #rotation: KeyRotation;
  readonly #ownAddress: OwnAddress;
  #self: Member;
  #tls: TlsMaterial;
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;
  #isRemoved = false;
  #lastSignature = '';

  private constructor(
    base: { options: RaftStartOptions; logger: Logger; bridge: ChannelBridge; storage: RaftStorage },
    server: ManagerServer,
    member: MemberStart,
  ) {
    const { options, logger, storage } = base;
    this.#options = options;
    this.#logger = logger;
    this.#bridge = base.bridge;
    this.#storage = storage;
    this.#server = server;
    this.#tls = options.tls;
    this.#node = new RaftNode(
      {
        ...RAFT_CONFIG_DEFAULTS,
        raftId: member.self.raftId,
        random: new Prng(randomBytes(8).readBigUInt64LE()),
        inflightMessagesMax: INFLIGHT_MESSAGES_MAX,
        electionTicks: ELECTION_TICKS,
        heartbeatTicks: HEARTBEAT_TICKS,
      },
      member.stored,
    );
    this.#self = member.self;
    this.#ownAddress = new OwnAddress(member.self.addr);
    this.#transport = this.#makeTransport();
    this.#loop = new RaftLoop({
      node: this.#node,
      wal: storage.wal,
      snapshots: storage.snapshots,
      snapshotIndex: member.stored.snapshot?.logIndex ?? 0,
      transport: this.#transport,
      logger,
      electionTicks: ELECTION_TICKS,
      snapshotIntervalEntries: options.snapshotIntervalEntries ?? 10_000,
      snapshotKeepEntries: options.snapshotKeepEntries ?? 500,
      post,
      onChange: () => {
        this.#tellStatus();
      },
      onFailure: failThread,
    });
    const { keys, wal, snapshots } = storage;
    this.#rotation = new KeyRotation({ dataDir: options.dataDir, keys, wal, snapshots, logger });
    this.#admin = new GroupAdmin({
      node: this.#node,
      loop: this.#loop,
      self: () => this.#self,
      newRaftId,
      tellAddress: ({ addr: to }, { raftId, addr }) =>
        askManager(
          { addr: to, clusterId: options.clusterId, tls: this.#tls },
          { op: 'address', raftId, addr },
        ),
      isOpenToAll: options.admission !== 'named',
      logger,
    });
  }

  /** Opens everything, joins where that is asked for, and starts to tick. */
  static async start(data: ThreadData): Promise<RaftThread> {
    const { options } = data;
    const logger = pino(
      { level: data.logLevel, base: { component: 'raft', nodeId: options.nodeId } },
      pino.destination(2),
    );
    const storage = await openStorage(options, logger);
    const bridge = new ChannelBridge(data.channelPort, logger);
    const paths = new Map<string, ServerPath>();
    const server = new ManagerServer({
      clusterId: options.clusterId,
      tls: options.tls,
      logger,
      pathOf: (path) => paths.get(path) ?? bridge.pathOf(path),
    });
    // Listening comes before joining: the leader calls back at once.
    await server.listen(options.listen.host, options.listen.port);
    const member = await startMember(options, storage, logger);
    const thread = new RaftThread({ options, logger, bridge, storage }, server, member);
    thread.#servePaths(paths);
    thread.#begin(member);
    return thread;
  }

  #makeTransport(): RaftTransport {
    const { clusterId, tls } = this.#options;
    return new RaftTransport({
      clusterId,
      self: () => this.#self,
      tls,
      logger: this.#logger,
      onMessages: (messages) => {
        this.#loop.step(messages);
      },
      onUnreachable: (raftId) => {
        this.#node.reportUnreachable(raftId);
      },
      onSnapshotSent: (raftId, hasArrived) => {
        this.#node.reportSnapshot(raftId, hasArrived);
        this.#loop.schedule();
      },
      onRemoved: () => {
        this.#isRemoved = true;
        this.#tellStatus();
      },
      loadSnapshot: (meta) => this.#storage.snapshots.load(meta).data,
    });
  }

  #servePaths(paths: Map<string, ServerPath>): void {
    const managersOnly = { roles: ['manager'], isOpenToAll: false } as const;
    paths.set('/raft', {
      ...managersOnly,
      frameBytesMax: RAFT_FRAME_BYTES_MAX,
      accept: (accepted) => {
        this.#transport.accept(accepted);
      },
    });
    paths.set('/raft/rpc', {
      ...managersOnly,
      frameBytesMax: RPC_FRAME_BYTES_MAX,
      accept: (accepted) => {
        serveManagerRequest(accepted, (request, peer) => this.#admin.serve(request, peer));
      },
    });
  }

  #begin(member: MemberStart): void {
    const { membership } = this.#node;
    const members = membership.members.length > 0 ? membership.members : member.peers;
    this.#transport.setMembers(members, membership.removed);
    const newest = member.restored ?? this.#storage.newest;
    if (newest !== undefined) {
      const snapshot = { logIndex: newest.meta.logIndex, data: new Uint8Array(newest.data) };
      post({ op: 'committed', packed: packEntries([]), snapshot, resolved: [] });
    }
    this.#tellStatus();
    this.#rotation.resume();
    this.#timer = setInterval(() => {
      this.#tick();
    }, this.#options.tickMs ?? TICK_MS);
    this.#loop.schedule();
    if (membership.members.length === 0 && member.peers.length === 0) {
      // The only member of a new group need not wait for an election timeout: nobody else can lead.
      setImmediate(() => {
        this.#node.campaign();
        this.#loop.schedule();
      });
    }
  }

  #tick(): void {
    this.#ticks += 1;
    this.#loop.tick();
    this.#admin.tick();
    if (this.#ticks % OWN_ADDRESS_TICKS === 0) {
      this.#lookAtOwnAddress();
    }
    if (this.#ticks % STATUS_TICKS === 0) {
      this.#tellStatus();
    }
  }

  #tellStatus(): void {
    const status: RaftStatus = toRaftStatus({
      node: this.#node.status(),
      nodeId: this.#options.nodeId,
      applied: this.#loop.applied,
      snapshotIndex: this.#loop.snapshotKeeper.snapshotIndex,
      hasQuorum: this.#node.hasQuorum,
      isRemoved: this.#isRemoved,
      disk: this.#loop.disk,
    });
    const signature = statusSignature(status);
    if (signature !== this.#lastSignature || this.#ticks % STATUS_REPEAT_TICKS === 0) {
      if (signature !== this.#lastSignature) {
        const { term, role, leader } = status;
        this.#logger.info({ term, role, leader: leader?.nodeId }, 'the state of the group changed');
      }
      this.#lastSignature = signature;
      post({ op: 'status', status });
    }
  }

  /** Carries out a command of the main thread. */
  onCommand(command: ThreadCommand): void {
    switch (command.op) {
      case 'propose':
      case 'applied':
      case 'snapshot':
      case 'readIndex':
        this.#loop.onCommand(command);
        break;
      case 'changeMembership':
        this.#request(command.id, (answer) => {
          this.#admin.change(command.request, answer);
        });
        break;
      case 'transfer':
        this.#request(command.id, (answer) => {
          this.#admin.transfer(command.nodeId, answer);
        });
        break;
      case 'admit':
        this.#admin.admit(command.nodeIds);
        break;
      case 'setAddress':
        this.#request(command.id, (answer) => {
          this.#setAddress(command.addr);
          answer();
        });
        break;
      case 'setTls':
        this.#request(command.id, (answer) => {
          this.#setTls(command.tls);
          answer();
        });
        break;
      case 'setKeyEncryptionKey':
        this.#request(command.id, (answer) => {
          this.#storage.keys.save(this.#options.dataDir, command.key);
          // The old data key may have lain on this disk unwrapped, or under a key that is known too widely.
          this.#rotation.start();
          answer();
        });
        break;
      case 'stop':
        this.#stop(command.id).catch(failThread);
        break;
    }
  }

  #request(id: number, run: (answer: (error?: unknown) => void) => void): void {
    const answer = (error?: unknown): void => {
      this.#loop.answer(id, 0, error);
    };
    try {
      run(answer);
    } catch (error) {
      answer(error);
    }
  }

  #setAddress(addr: string): void {
    this.#logger.info({ addr, was: this.#self.addr }, 'this manager has another address');
    this.#self = { ...this.#self, addr };
    this.#ownAddress.set(addr);
    this.#transport.reconnect();
  }

  /** The host may have got another address while this runs (DHCP, a moved machine). */
  #lookAtOwnAddress(): void {
    const listed = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const moved = this.#ownAddress.look(
      listed.map((item) => item.address),
      this.#transport.localAddress,
    );
    if (moved !== undefined) {
      this.#setAddress(moved);
    }
  }

  #setTls(tls: TlsMaterial): void {
    this.#tls = tls;
    this.#server.setTls(tls);
    this.#transport.setTls(tls);
  }

  async #stop(id: number): Promise<void> {
    clearInterval(this.#timer);
    await this.#loop.stop();
    this.#transport.close();
    await this.#server.close();
    await this.#rotation.stop();
    await this.#storage.wal.close();
    this.#loop.answer(id, 0);
    this.#bridge.close();
    parentPort?.close();
  }
}

const port = present(parentPort, 'parent port of the Raft thread');

/** Buffers of committed entries are made for the one message, so they move instead of being copied. */
function post(event: ThreadEvent): void {
  if (event.op !== 'committed') {
    port.postMessage(event);
    return;
  }
  const buffers = [event.packed.buffer, event.snapshot?.data.buffer];
  port.postMessage(
    event,
    buffers.filter((buffer) => buffer instanceof ArrayBuffer),
  );
}

/** Nothing can go on: say why, and let the process decide. */
function failThread(error: unknown): void {
  post({ op: 'failed', error: toErrorRecord(error) });
}

let started: RaftThread | undefined;
const early: ThreadCommand[] = [];
port.on('message', (command: ThreadCommand) => {
  if (started === undefined) {
    early.push(command);
  } else {
    started.onCommand(command);
  }
});

RaftThread.start(workerData as ThreadData).then((thread) => {
  started = thread;
  post({ op: 'started' });
  for (const command of early) {
    thread.onCommand(command);
  }
}, failThread);
