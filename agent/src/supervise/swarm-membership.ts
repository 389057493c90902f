import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { Logger } from 'pino';

import { SwarmError, errorMessage } from '@skep/kernel';
import type { NodeRole } from '@skep/model';

import type {
  BackupSource,
  NodeControl,
  NodeControlInfo,
  SwarmInitOptions,
  SwarmJoinOptions,
} from '../docker-api/node-control.ts';
import { joinWithToken, newKeyAndRequest } from '../worker/certificate-client.ts';
import type { IdentityStore, NodeState } from '../worker/identity-store.ts';
import type { Worker } from '../worker/worker.ts';
import { chooseAddresses, managerAddress, type NodeAddresses, type WantedAddresses } from './address.ts';
import { bootstrapSettings } from './bootstrap-settings.ts';
import { CertificateKeeper } from './certificate-keeper.ts';
import { originOf, ownManagerAddress, soleManagerState } from './manager-state.ts';
import { MEMBERSHIP_ERRORS } from './membership-errors.ts';
import type { MembershipParts } from './membership-parts.ts';
import { readIssuedIdentity } from './issued-identity.ts';
import { leaveWarning } from './leave-warning.ts';
import { giveToManager } from './manager-door.ts';
import type { ManagerProcess } from './manager-process.ts';
import { RoleFollower } from './role-follower.ts';

const INIT_TIMEOUT_MS = 60_000;
const MANAGER_READY_TIMEOUT_MS = 60_000;
/** Swarm's own patience with a join; it goes on in the background after that. */
const JOIN_TIMEOUT_MS = 20_000;
const LEAVE_TIMEOUT_MS = 3_000;

/**
 * This host's place in a swarm: makes one, joins one, leaves it, follows the role the managers give it (certificate,
 * manager process), and renews its certificate at half its life.
 */
export class SwarmMembership implements NodeControl {
  readonly #parts: MembershipParts;
  readonly #log: Logger;
  #state: NodeState | undefined;
  #worker: Worker | undefined;
  /** One change of membership at a time. */
  #isChanging = false;
  #error = '';
  readonly #certificate: CertificateKeeper;
  readonly #roles: RoleFollower;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
    this.#log = parts.log;
    this.#roles = new RoleFollower({
      log: parts.log,
      role: () => this.#state?.role,
      take: () => this.#takeRole(),
    });
    this.#certificate = new CertificateKeeper({
      identity: parts.identity,
      hostname: parts.hostname,
      managers: () => this.#current().managers.map(({ addr }) => addr),
      log: parts.log,
    });
  }

  /** Goes on where an earlier swarmd stopped. */
  async start(): Promise<void> {
    const { identity } = this.#parts;
    this.#state = await identity.readState();
    if (this.#state === undefined) {
      return;
    }
    if (
      this.#state.managerOrigin?.kind === 'restore' &&
      readIssuedIdentity(this.#parts.raftDir) === undefined
    ) {
      this.#log.warn({}, 'an interrupted restore is undone: nothing of the cluster was there yet');
      await this.#undo();
      return;
    }
    if (this.#state.nodeId === '') {
      // swarmd ended in the middle of init: the manager knows how far it got.
      await this.#finishInit(this.#state).catch((error: unknown) => {
        this.#error = errorMessage(error);
        this.#log.error({ err: this.#error }, 'interrupted init could not be finished');
      });
      return;
    }
    if (this.#state.role === 'manager') {
      this.#startManager(this.#state);
    }
    await this.#startWorker();
  }

  /** Lets go: containers and manager run on. */
  async stop(): Promise<void> {
    this.#certificate.stop();
    this.#parts.manager?.detach();
    await this.#worker?.stop();
  }

  info(): Promise<NodeControlInfo> {
    const state = this.#state;
    const isMember = state !== undefined && state.nodeId !== '';
    return Promise.resolve({
      state: this.#isLocked
        ? 'locked'
        : this.#error !== ''
          ? 'error'
          : isMember
            ? 'active'
            : this.#isChanging
              ? 'pending'
              : 'inactive',
      nodeId: state?.nodeId ?? '',
      nodeAddr: state?.advertiseAddr ?? '',
      isManager: isMember && state.role === 'manager',
      error: this.#error,
      managers: (state?.managers ?? []).map(({ nodeId, addr }) => ({ nodeId, addr })),
    });
  }

  async init(options: SwarmInitOptions): Promise<string> {
    // Outside a swarm there is nothing to force: as in Docker, it is an init like any other.
    return options.forceNewCluster === true && this.#state !== undefined
      ? this.#exclusively(() => this.#forceNewCluster(options, this.#current()))
      : this.#change(() => this.#begin(options, undefined));
  }

  async restore(options: SwarmInitOptions, backup: BackupSource): Promise<string> {
    return this.#change(() => this.#begin(options, backup));
  }

  /** Begins a cluster with this host as its first manager: a new one, or that of a backup. */
  async #begin(options: SwarmInitOptions, backup: BackupSource | undefined): Promise<string> {
    this.#requireManager();
    const addresses = this.#addresses(options);
    const { dataPathAddr } = addresses;
    const state: NodeState = {
      v: 1,
      nodeId: '',
      clusterId: '',
      role: 'manager',
      managers: [],
      dataPathPort: options.dataPathPort ?? 4789,
      ...addresses,
      ...(options.availability === undefined ? {} : { availability: options.availability }),
      managerOrigin: { kind: backup === undefined ? 'bootstrap' : 'restore' },
    };
    const { identity, hostname } = this.#parts;
    await this.#forgetLeftovers();
    await identity.writeKey((await newKeyAndRequest()).keyPem);
    await identity.writeBootstrap(bootstrapSettings(options, { hostname, dataPathAddr }));
    await identity.writeState(state);
    try {
      if (backup !== undefined) {
        await this.#giveBackup(state, backup);
      }
      return await this.#finishInit(state);
    } catch (error) {
      await this.#undo();
      throw error;
    }
  }

  async #giveBackup(state: NodeState, { file, passphrase }: BackupSource): Promise<void> {
    const manager = this.#requireManager();
    this.#startManager(state);
    await manager.waitReady(MANAGER_READY_TIMEOUT_MS);
    await giveToManager(manager.socketPath, '/restore', {
      body: file,
      headers: { 'x-skep-passphrase': Buffer.from(passphrase).toString('base64') },
    });
  }

  /** This manager goes on without the others, whose state is lost or out of reach for good. */
  async #forceNewCluster(options: SwarmInitOptions, state: NodeState): Promise<string> {
    const manager = this.#requireManager();
    const { identity } = this.#parts;
    const next = soleManagerState(state, options.advertiseAddr === undefined ? {} : this.#addresses(options));
    this.#assertUnlocked();
    await identity.writeState(next);
    this.#state = next;
    await manager.stop();
    this.#startManager(next);
    await manager.waitReady(MANAGER_READY_TIMEOUT_MS);
    this.#assertUnlocked();
    await this.#managerSettled(identity);
    this.#worker?.reconnect();
    await this.#waitConnected(JOIN_TIMEOUT_MS);
    this.#log.warn({ nodeId: next.nodeId }, 'this node goes on as the only manager');
    return next.nodeId;
  }

  async join(options: SwarmJoinOptions): Promise<void> {
    await this.#change(async () => {
      const addrs = options.remoteAddrs.map(managerAddress);
      const addresses = this.#addresses(options);
      const { hostname, identity } = this.#parts;
      await this.#forgetLeftovers();
      const { keyPem, csrPem } = await newKeyAndRequest();
      const issued = await joinWithToken(addrs, {
        token: options.joinToken,
        csrPem,
        hostname,
        ...(options.availability === undefined ? {} : { availability: options.availability }),
      });
      if (issued.role === 'manager') {
        this.#requireManager();
      }
      const known =
        issued.managers.length > 0 ? issued.managers : addrs.map((addr) => ({ nodeId: '', addr }));
      const state: NodeState = {
        v: 1,
        nodeId: issued.nodeId,
        clusterId: issued.clusterId,
        role: issued.role,
        managers: [...known],
        dataPathPort: 4789,
        ...addresses,
        ...(issued.role === 'manager'
          ? { managerOrigin: { kind: 'join' as const, addrs: known.map(({ addr }) => addr) } }
          : {}),
      };
      await identity.writeTls({ certificatePem: issued.certificatePem, caPem: issued.caPem, keyPem });
      await identity.writeState(state);
      this.#state = state;
      await this.#finishJoin(state);
    });
  }

  async leave({ force }: { readonly force: boolean }): Promise<void> {
    const state = this.#state;
    if (state === undefined) {
      throw MEMBERSHIP_ERRORS.outside();
    }
    if (state.role === 'manager' && !force) {
      throw new SwarmError('failed_precondition', leaveWarning(state.managers.length), {
        details: { dockerStatus: 503 },
      });
    }
    await this.#exclusively(async () => {
      await this.#worker?.leave(LEAVE_TIMEOUT_MS);
      await this.#undo();
      this.#log.info({ nodeId: state.nodeId }, 'node left the swarm');
    });
  }

  async unlock(key: string): Promise<void> {
    const { manager } = this.#parts;
    if (this.#state === undefined) {
      throw MEMBERSHIP_ERRORS.outside();
    }
    if (manager === undefined || !this.#isLocked) {
      throw MEMBERSHIP_ERRORS.notLocked();
    }
    await giveToManager(manager.socketPath, '/unlock', { body: JSON.stringify({ key }) });
    await manager.waitReady(MANAGER_READY_TIMEOUT_MS);
    await this.#managerSettled(this.#parts.identity);
  }

  get #isLocked(): boolean {
    return this.#state?.role === 'manager' && this.#parts.manager?.isLocked === true;
  }

  #assertUnlocked(): void {
    if (this.#isLocked) {
      throw MEMBERSHIP_ERRORS.locked();
    }
  }

  /** Runs a change that begins outside a swarm. */
  async #change<T>(action: () => Promise<T>): Promise<T> {
    if (this.#state !== undefined) {
      throw MEMBERSHIP_ERRORS.inside();
    }
    return this.#exclusively(action);
  }

  async #exclusively<T>(action: () => Promise<T>): Promise<T> {
    if (this.#isChanging) {
      throw new SwarmError('unavailable', 'another init, join or leave is under way on this host; try again');
    }
    this.#isChanging = true;
    this.#error = '';
    try {
      return await action();
    } finally {
      this.#isChanging = false;
    }
  }

  #requireManager(): ManagerProcess {
    const { manager } = this.#parts;
    if (manager === undefined) {
      throw new SwarmError(
        'failed_precondition',
        'swarmd was started without --manager-bin: this host can only be a worker',
      );
    }
    return manager;
  }

  #addresses(options: WantedAddresses): NodeAddresses {
    const { defaultAdvertiseAddr, defaultDataPathAddr, listenAddr } = this.#parts;
    return chooseAddresses(options, { defaultAdvertiseAddr, defaultDataPathAddr, listenAddr });
  }

  #startManager(state: NodeState): void {
    this.#requireManager().start(state, originOf(state));
  }

  /** Waits for the new cluster's identity, which the manager makes, and becomes its first node. */
  async #finishInit(state: NodeState): Promise<string> {
    const { identity, raftDir } = this.#parts;
    const manager = this.#requireManager();
    this.#startManager(state);
    const deadlineMs = performance.now() + INIT_TIMEOUT_MS;
    let issued = readIssuedIdentity(raftDir);
    while (issued === undefined) {
      if (performance.now() > deadlineMs) {
        throw new SwarmError(
          'deadline_exceeded',
          `the manager did not make the cluster in time: ${manager.lastLogLine()}`,
        );
      }
      await delay(20);
      issued = readIssuedIdentity(raftDir);
    }
    const keyPem = (await identity.readKey()) ?? '';
    await identity.writeTls({ certificatePem: issued.certificatePem, caPem: issued.caPem, keyPem });
    const { managerOrigin: _done, ...rest } = state;
    this.#state = {
      ...rest,
      nodeId: issued.nodeId,
      clusterId: issued.clusterId,
      managers: [{ nodeId: issued.nodeId, addr: ownManagerAddress(state) }],
    };
    await identity.writeState(this.#state);
    manager.settled();
    await this.#startWorker();
    await manager.waitReady(MANAGER_READY_TIMEOUT_MS);
    await this.#waitConnected(JOIN_TIMEOUT_MS);
    return issued.nodeId;
  }

  async #finishJoin(state: NodeState): Promise<void> {
    const { identity } = this.#parts;
    if (state.role === 'manager') {
      this.#startManager(state);
    }
    await this.#startWorker();
    if (state.role === 'manager') {
      await this.#requireManager().waitReady(MANAGER_READY_TIMEOUT_MS);
      await this.#managerSettled(identity);
    }
    await this.#waitConnected(JOIN_TIMEOUT_MS);
  }

  /** From now on the manager goes on with what is on its disk. */
  async #managerSettled(identity: IdentityStore): Promise<void> {
    this.#parts.manager?.settled();
    if (this.#state?.managerOrigin !== undefined) {
      const { managerOrigin: _done, ...rest } = this.#state;
      this.#state = rest;
      await identity.writeState(rest);
    }
  }

  async #waitConnected(timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (this.#worker?.isConnected !== true) {
      if (performance.now() > deadlineMs) {
        throw new SwarmError(
          'deadline_exceeded',
          'Timeout was reached before node joined. The attempt to join the swarm will continue in the background. ' +
            'Use the "docker info" command to see the current swarm status of your node.',
        );
      }
      await delay(10);
    }
  }

  async #startWorker(): Promise<void> {
    this.#worker = this.#parts.newWorker({
      state: () => this.#current(),
      welcomed: ({ dataPathPort }) => {
        this.#patchState({ dataPathPort });
      },
      managersChanged: (managers) => {
        this.#patchState({ managers: [...managers] });
      },
      roleWanted: (role) => {
        this.#roles.follow(role);
      },
      removed: () => {
        this.#removed();
      },
    });
    await this.#worker.start();
    this.#certificate.start();
  }

  #current(): NodeState {
    if (this.#state === undefined) {
      throw MEMBERSHIP_ERRORS.outside();
    }
    return this.#state;
  }

  #patchState(patch: Partial<NodeState>): void {
    const state = this.#state;
    if (state === undefined || JSON.stringify({ ...state, ...patch }) === JSON.stringify(state)) {
      return;
    }
    this.#state = { ...state, ...patch };
    this.#parts.identity.writeState(this.#state).catch((error: unknown) => {
      this.#log.error({ err: errorMessage(error) }, 'state of this node could not be written');
    });
  }

  /** The managers want another role for this node: new certificate, then start or end the manager process. */
  async #takeRole(): Promise<NodeRole> {
    const { role } = await this.#certificate.renew();
    await (role === 'manager' ? this.#becomeManager() : this.#becomeWorker());
    this.#worker?.reconnect();
    return role;
  }

  async #becomeManager(): Promise<void> {
    const state = this.#current();
    if (state.role === 'manager') {
      return;
    }
    const manager = this.#requireManager();
    await rm(this.#parts.raftDir, { recursive: true, force: true });
    const next: NodeState = {
      ...state,
      role: 'manager',
      managerOrigin: { kind: 'join', addrs: state.managers.map(({ addr }) => addr) },
    };
    this.#state = next;
    await this.#parts.identity.writeState(next);
    this.#startManager(next);
    await manager.waitReady(MANAGER_READY_TIMEOUT_MS);
    await this.#managerSettled(this.#parts.identity);
    this.#log.info({}, 'this node is a manager now');
  }

  async #becomeWorker(): Promise<void> {
    const state = this.#current();
    if (state.role === 'worker') {
      return;
    }
    await this.#parts.manager?.stop();
    await rm(this.#parts.raftDir, { recursive: true, force: true });
    const { managerOrigin: _gone, ...rest } = state;
    this.#state = {
      ...rest,
      role: 'worker',
      managers: state.managers.filter(({ nodeId }) => nodeId !== state.nodeId),
    };
    await this.#parts.identity.writeState(this.#state);
    this.#log.info({}, 'this node is a worker now');
  }

  /** The managers have removed this node. */
  #removed(): void {
    void this.#exclusively(async () => {
      this.#log.warn({}, 'this node was removed from the swarm');
      await this.#worker?.erase();
      await this.#undo();
    }).catch((error: unknown) => {
      this.#log.error({ err: errorMessage(error) }, 'removal from the swarm was not carried out');
    });
  }

  /** Outside a swarm again: no manager, no identity, no state. */
  async #undo(): Promise<void> {
    this.#certificate.stop();
    const worker = this.#worker;
    this.#worker = undefined;
    this.#state = undefined;
    await worker?.stop();
    await this.#parts.manager?.stop();
    await this.#forgetLeftovers();
  }

  /** What an earlier membership left on disk. */
  async #forgetLeftovers(): Promise<void> {
    await this.#parts.identity.clear();
    await rm(this.#parts.raftDir, { recursive: true, force: true });
    await rm(join(this.#parts.dataRoot, 'postgres'), { recursive: true, force: true });
  }
}
