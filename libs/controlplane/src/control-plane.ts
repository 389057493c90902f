import { randomBytes } from 'node:crypto';

import type { Logger } from 'pino';

import { SwarmError, errorMessage, newObjectId, type Clock } from '@skep/kernel';
import type { HistoryEntry, NodeRole } from '@skep/model';
import type { AppliedEntry, ReadTx, Subscription, WatchOptions, WriteTx } from '@skep/store';

import { watchCertificate } from './certificate-watch.ts';
import { readOrMakeIdentity, type Bootstrap } from './bootstrap.ts';
import { FollowerServer } from './broker/follower-server.ts';
import { LeaderLink, type LeaderAddress } from './broker/leader-link.ts';
import { LeaderStreams } from './broker/leader-streams.ts';
import { Forwarder } from './broker/forwarder.ts';
import { RequestFates } from './broker/request-fates.ts';
import { openRemoteStream } from './broker/stream-relay.ts';
import { CertificateService } from './ca/certificate-service.ts';
import type { NodeIdentity } from './ca/identity-files.ts';
import type {
  Backup,
  ControlPlane,
  ControlPlaneStatus,
  ForwardedAnswer,
  ForwardedRequest,
  ForwardedRequestHandler,
  ManagerInfo,
  ServerCertificate,
  UpdateContext,
  UpdateResult,
} from './control-plane-api.ts';
import type { ControlPlaneOptions, PartPorts } from './control-plane-options.ts';
import { assertNotDiverged } from './divergence/evidence.ts';
import { StateGuard } from './divergence/state-guard.ts';
import { Dispatcher } from './dispatcher/dispatcher.ts';
import { withPort } from './transport/address.ts';
import { createRaftHandle } from './driver/raft-client.ts';
import type { RaftHandle, RaftStatus } from './driver/raft-handle.ts';
import { Leadership, type LeaderPart } from './leadership.ts';
import { Listeners } from './listeners.ts';
import { leaderLoops } from './loops/leader-loops.ts';
import { MembershipKeeper } from './membership.ts';
import { NodeAdmin, rotateToken } from './node-admin.ts';
import {
  leaderElsewhere,
  managerIds,
  managersOf,
  notLeaderError,
  toControlPlaneStatus,
  toManagerAddress,
} from './manager-list.ts';
import { catchUp } from './catch-up.ts';
import { finishStart } from './recovery/finish-start.ts';
import { KeyLock } from './recovery/key-lock.ts';
import { makeBackup } from './recovery/make-backup.ts';
import { Replica } from './replica.ts';
import { serveChannels } from './serve-channels.ts';
import type { StreamChannel, StreamRequest } from './stream-api.ts';
import type { Channel } from './transport/channel.ts';
import { dialChannel } from './transport/dial-channel.ts';

const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

/**
 * Makes the control plane of one manager. Reads identity from disk (or makes it, on bootstrap); nothing runs before
 * `start`.
 * @throws SwarmError `failed_precondition` when key or certificate are missing.
 */
export async function createControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  assertNotDiverged(options.raftDir);
  const clock = options.clock ?? systemClock;
  const newId = (): string => newObjectId((count) => randomBytes(count));
  const { identity, bootstrap } = await readOrMakeIdentity({ ...options, clock, newId });
  return new Manager({ ...options, clock }, identity, bootstrap, newId);
}

class Manager implements ControlPlane {
  readonly nodeId: string;
  readonly #options: ControlPlaneOptions & { readonly clock: Clock };
  readonly #log: Logger;
  readonly #newId: () => string;
  readonly #bootstrap: Bootstrap | undefined;
  readonly #raft: RaftHandle;
  readonly #replica: Replica;
  readonly #dispatcher: Dispatcher;
  readonly #membership: MembershipKeeper;
  readonly #certificates: CertificateService;
  readonly #streams: LeaderStreams;
  readonly #leaderLink: LeaderLink;
  readonly #followers: FollowerServer;
  readonly #forwarder: Forwarder;
  readonly #fates = new RequestFates();
  readonly #leadership: Leadership;
  readonly #guard: StateGuard;
  readonly #keyLock: KeyLock;
  readonly #nodeAdmin: NodeAdmin;
  readonly #onStatus = new Listeners<ControlPlaneStatus>();
  readonly #onCertificate = new Listeners<ServerCertificate>();
  #identity: NodeIdentity;
  #handler: ForwardedRequestHandler | undefined;
  #stopWatchingCertificate: () => void = () => undefined;
  #isStarted = false;
  #isStopped = false;

  constructor(
    options: ControlPlaneOptions & { readonly clock: Clock },
    identity: NodeIdentity,
    bootstrap: Bootstrap | undefined,
    newId: () => string,
  ) {
    this.#options = options;
    this.#log = options.log;
    this.#identity = identity;
    this.#bootstrap = bootstrap;
    this.#newId = newId;
    this.nodeId = identity.nodeId;
    this.#raft = createRaftHandle({ logger: options.log.child({ component: 'raft' }) });
    this.#replica = this.#newReplica();
    const ports = this.#partPorts();
    this.#dispatcher = new Dispatcher({ ...ports, log: options.log.child({ component: 'dispatcher' }) });
    this.#membership = this.#newMembership();
    this.#certificates = new CertificateService({ ...ports, log: options.log.child({ component: 'ca' }) });
    this.#streams = new LeaderStreams({
      view: (fn) => this.view(fn),
      openOnNode: (nodeId, open) => this.#dispatcher.openStream(nodeId, open),
      onApplied: (callback) => this.#replica.store.onApplied(callback),
    });
    this.#leaderLink = new LeaderLink({
      log: options.log.child({ component: 'broker' }),
      dial: (leader) => this.#dial(leader, 'forward'),
      apiUrl: options.apiUrl,
      diverged: (logIndex, digest) => {
        this.#guard.diverged(logIndex, digest);
      },
    });
    this.#forwarder = new Forwarder({
      link: this.#leaderLink,
      fates: this.#fates,
      term: () => this.#raft.status().term,
      newId,
    });
    const { log, keyEncryptionKey } = options;
    this.#keyLock = new KeyLock({ log, raft: this.#raft, replica: this.#replica }, keyEncryptionKey);
    this.#nodeAdmin = new NodeAdmin({ nodeId: this.nodeId, raft: this.#raft, cluster: this });
    this.#followers = this.#newFollowerServer();
    this.#leadership = new Leadership(this.#leaderParts(ports));
    this.#guard = this.#newStateGuard();
  }

  async start(): Promise<void> {
    const { listen, advertiseAddr, raftDir, origin, keyEncryptionKey } = this.#options;
    serveChannels(this.#raft.channels, {
      dispatcher: this.#dispatcher,
      followers: this.#followers,
      certificates: this.#certificates,
    });
    this.#raft.onStatus((status) => {
      this.#observe(status);
    });
    this.#raft.onFailure((error) => {
      if (!this.#isStopped) {
        this.#options.onFatal(error);
      }
    });
    await this.#raft.start({
      dataDir: raftDir,
      nodeId: this.nodeId,
      clusterId: this.#identity.clusterId,
      listen,
      advertiseAddr: withPort(advertiseAddr, listen.port),
      tls: this.#identity.tls,
      origin,
      admission: 'named',
      ...(keyEncryptionKey === undefined ? {} : { keyEncryptionKey }),
      ...(this.#options.raftThreadUrl === undefined ? {} : { threadUrl: this.#options.raftThreadUrl }),
      ...(this.#options.raftTickMs === undefined ? {} : { tickMs: this.#options.raftTickMs }),
    });
    this.#isStarted = true;
    this.#admitManagers();
    this.#observe(this.#raft.status());
    await finishStart(this, { ...this.#options, bootstrap: this.#bootstrap, newId: this.#newId });
    this.#membership.check();
    this.#stopWatchingCertificate = watchCertificate({
      nodeDir: this.#options.nodeDir,
      log: this.#log,
      onRenewed: (identity) => this.#useCertificate(identity),
    });
  }

  async stop(): Promise<void> {
    if (this.#isStopped) {
      return;
    }
    this.#isStopped = true;
    this.#stopWatchingCertificate();
    if (this.#isStarted && this.#leadership.isLeading && this.#raft.status().members.length > 1) {
      await this.#raft.transferLeadership().catch((error: unknown) => {
        this.#log.info({ err: errorMessage(error) }, 'leadership was not handed over');
      });
    }
    this.#leadership.stop();
    this.#dispatcher.stop();
    this.#leaderLink.stop();
    await this.#raft.stop();
  }

  view<T>(fn: (tx: ReadTx) => T): T {
    return fn(this.#replica.store.view());
  }

  update<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>> {
    if (!this.#leadership.isLeading) {
      return Promise.reject(notLeaderError(this.#isStarted ? this.status() : undefined));
    }
    return this.#replica.update(context, fn);
  }

  appliedRev(): number {
    return this.#replica.appliedRev;
  }

  waitApplied(rev: number, timeoutMs: number): Promise<void> {
    return this.#replica.waitApplied(rev, timeoutMs);
  }

  status(): ControlPlaneStatus {
    return toControlPlaneStatus({
      raft: this.#raft.status(),
      nodeId: this.nodeId,
      clusterId: this.#identity.clusterId,
      isLeading: this.#leadership.isLeading,
      appliedRev: this.#replica.appliedRev,
      managers: this.#managers(),
    });
  }

  onStatus(callback: (status: ControlPlaneStatus) => void): () => void {
    return this.#onStatus.add(callback);
  }

  watch(options?: WatchOptions): Subscription {
    return this.#replica.store.watch(options);
  }

  historyAfter(afterIndex: number, limit?: number): HistoryEntry[] {
    return this.#replica.store.historyAfter(afterIndex, limit);
  }

  async forward(request: ForwardedRequest): Promise<ForwardedAnswer> {
    if (this.#leadership.isLeading && this.#handler !== undefined) {
      return this.#handler(request, this.nodeId);
    }
    const answer = await this.#forwarder.forward(request);
    const rev = Number(answer.headers['x-skep-rev'] ?? 0);
    if (Number.isSafeInteger(rev) && rev > 0) {
      await this.waitApplied(rev, 10_000);
    }
    return answer;
  }

  onForwardedRequest(handler: ForwardedRequestHandler): void {
    this.#handler = handler;
  }

  async openStream(request: StreamRequest): Promise<StreamChannel> {
    if (this.#leadership.isLeading) {
      return this.#streams.open(request);
    }
    const leader = leaderElsewhere(this.#raft.status(), this.nodeId);
    if (leader === undefined) {
      throw new SwarmError('unavailable', 'no leader is known right now; try again in a moment');
    }
    return openRemoteStream(await this.#dial(leader, 'stream'), request);
  }

  promoteNode(context: UpdateContext<void>, nodeId: string): Promise<UpdateResult<void>> {
    return this.#nodeAdmin.promote(context, nodeId);
  }

  demoteNode(context: UpdateContext<void>, nodeId: string): Promise<UpdateResult<void>> {
    return this.#nodeAdmin.demote(context, nodeId);
  }

  removeNode(
    context: UpdateContext<void>,
    nodeId: string,
    options: { readonly force?: boolean } = {},
  ): Promise<UpdateResult<void>> {
    return this.#nodeAdmin.remove(context, nodeId, options);
  }

  transferLeadership(nodeId?: string): Promise<void> {
    return this.#raft.transferLeadership(nodeId);
  }

  rotateJoinToken(context: UpdateContext<string>, role: NodeRole): Promise<UpdateResult<string>> {
    return this.update(context, (tx) => rotateToken(tx, role));
  }

  catchUp(): Promise<void> {
    return catchUp(this.#raft, this.#replica);
  }

  backup(passphrase: string): Promise<Backup> {
    const { clusterId } = this.#identity;
    const { clock } = this.#options;
    return makeBackup({ raft: this.#raft, replica: this.#replica, clusterId, clock }, passphrase);
  }

  serverCertificate(): ServerCertificate {
    return this.#identity.tls;
  }

  onCertificate(callback: (certificate: ServerCertificate) => void): () => void {
    return this.#onCertificate.add(callback);
  }

  #newReplica(): Replica {
    return new Replica({
      raft: this.#raft,
      clock: this.#options.clock,
      newId: this.#newId,
      log: this.#log.child({ component: 'replica' }),
      termOf: (requestId) => this.#followers.termOf(requestId),
      onBatch: (term) => {
        if (term !== undefined) {
          this.#leadership.applied(term);
          this.#fates.reachedTerm(term);
        }
      },
      onFatal: this.#options.onFatal,
    });
  }

  #newMembership(): MembershipKeeper {
    return new MembershipKeeper({
      log: this.#log.child({ component: 'membership' }),
      nodeId: this.nodeId,
      newId: this.#newId,
      isLeading: () => this.#leadership.isLeading,
      raftStatus: () => this.#raft.status(),
      changeMembership: (request) => this.#raft.changeMembership(request),
      transferLeadership: (nodeId) => this.#raft.transferLeadership(nodeId),
      view: (fn) => this.view(fn),
      update: (context, fn) => this.#replica.update(context, fn),
    });
  }

  #newFollowerServer(): FollowerServer {
    return new FollowerServer({
      log: this.#log.child({ component: 'broker' }),
      isLeader: () => this.#leadership.isLeading,
      term: () => this.#raft.status().term,
      isManager: (nodeId) => this.view((tx) => tx.get('node', nodeId))?.spec.role === 'manager',
      handler: () => this.#handler,
      openStream: (request) => this.#streams.open(request),
      announced: (nodeId, apiUrl) => this.#membership.announced(nodeId, apiUrl),
      digest: (nodeId, logIndex, digest) => {
        this.#guard.note(nodeId, logIndex, digest);
      },
    });
  }

  #partPorts(): PartPorts {
    return {
      clock: this.#options.clock,
      newId: this.#newId,
      view: <T>(fn: (tx: ReadTx) => T): T => this.view(fn),
      update: <T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T) => this.#replica.update(context, fn),
      updateParts: <T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T) =>
        this.#replica.updateParts(context, fn),
      managers: () => this.#managers().map(toManagerAddress),
      leaderAddr: () => this.#raft.status().leader?.addr,
      isLeader: () => this.#leadership.isLeading,
    };
  }

  #leaderParts(ports: PartPorts): LeaderPart[] {
    const loops = (this.#options.loops ?? leaderLoops)({
      ...ports,
      log: this.#log.child({ component: 'loops' }),
      onApplied: (callback) => this.#replica.store.onApplied(callback),
      onRestored: (callback) => this.#replica.store.onRestored(callback),
    });
    this.#replica.store.onApplied((applied) => {
      this.#followApplied(applied);
    });
    this.#replica.store.onRestored(() => {
      this.#fates.restored();
      this.#admitManagers();
      this.#dispatcher.resync();
    });
    return [
      {
        start: () => {
          this.#log.info({ term: this.#raft.status().term }, 'this manager leads');
          this.#dispatcher.leadershipGained();
        },
        stop: () => {
          this.#dispatcher.leadershipLost();
          this.#log.info({ term: this.#raft.status().term }, 'this manager leads no more');
        },
      },
      loops,
      {
        start: () => {
          this.#membership.announced(this.nodeId, this.#options.apiUrl);
          this.#membership.start();
          this.#tellStatus();
        },
        stop: () => {
          this.#membership.stop();
          this.#tellStatus();
        },
      },
    ];
  }

  #followApplied(applied: AppliedEntry): void {
    this.#fates.applied(applied);
    this.#dispatcher.onApplied(applied);
    if (applied.events.some(({ kind }) => kind === 'node')) {
      this.#admitManagers();
      this.#membership.check();
    }
    this.#guard.applied(applied);
    if (applied.events.some(({ kind }) => kind === 'cluster')) {
      this.#keyLock.check();
    }
  }

  #observe(status: RaftStatus): void {
    if (this.#isStopped || !this.#isStarted) {
      return;
    }
    this.#leadership.observe({ isElected: status.role === 'leader', term: status.term });
    this.#leaderLink.setLeader(status.role === 'leader' ? undefined : leaderElsewhere(status, this.nodeId));
    this.#membership.check();
    this.#dispatcher.managersChanged();
    this.#keyLock.check();
    this.#tellStatus();
  }

  #newStateGuard(): StateGuard {
    const { clock, raftDir, onFatal } = this.#options;
    return new StateGuard(
      {
        log: this.#log,
        clock,
        nodeId: this.nodeId,
        raftDir,
        onFatal,
        store: this.#replica.store,
        raft: this.#raft,
        leadership: this.#leadership,
        leaderLink: this.#leaderLink,
        followers: this.#followers,
        keyLock: this.#keyLock,
      },
      this.#options.digestEveryEntries,
    );
  }

  /** A certificate outlives a demotion: who may be a manager is what the store says. */
  #admitManagers(): void {
    this.#raft.admit(this.view((tx) => managerIds(tx)));
  }

  #tellStatus(): void {
    this.#onStatus.tell(this.status());
  }

  #managers(): ManagerInfo[] {
    return this.view((tx) =>
      managersOf(tx, this.#raft.status(), { nodeId: this.nodeId, apiUrl: this.#options.apiUrl }),
    );
  }

  #dial(leader: LeaderAddress, kind: 'forward' | 'stream'): Promise<Channel> {
    return dialChannel({
      addr: leader.addr,
      path: '/channel',
      query: { kind },
      tls: this.#identity.tls,
      clusterId: this.#identity.clusterId,
      nodeId: leader.nodeId,
    });
  }

  async #useCertificate(identity: NodeIdentity): Promise<void> {
    if (identity.tls.certificatePem === this.#identity.tls.certificatePem) {
      return;
    }
    this.#identity = identity;
    await this.#raft.setTls(identity.tls);
    this.#log.info({ expiresAtMs: identity.expiresAtMs }, 'renewed certificate is in use');
    this.#onCertificate.tell(identity.tls);
  }
}
