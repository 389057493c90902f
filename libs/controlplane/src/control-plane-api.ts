import type { Actor, AuditRecord, EventRecord, HistoryEntry } from '@skep/model';
import type { ReadTx, Subscription, WatchOptions, WriteTx } from '@skep/store';

import type { DiskState } from './driver/disk-health.ts';
import type { StreamChannel, StreamRequest } from './stream-api.ts';

/** What is recorded of a request: {@link AuditRecord} without the parts the update adds by itself. */
export interface AuditDraft extends Omit<AuditRecord, 'type' | 'atMs' | 'actor' | 'requestId' | 'outcome'> {
  /** `ok` when absent. */
  readonly outcome?: AuditRecord['outcome'];
}

/** A notable event; its time is that of the update. */
export type EventDraft = Omit<EventRecord, 'type' | 'atMs'>;

/** Who asks for a change, and what of it goes into the history inside the same Raft entry. */
export interface UpdateContext<T> {
  readonly actor: Actor;
  readonly requestId: string;
  /** A function gets the value that the update returned (to name the id of what was created). */
  readonly audit?: AuditDraft | ((value: T) => AuditDraft);
  readonly events?: readonly EventDraft[] | ((value: T) => readonly EventDraft[]);
  /** How long to wait for a quorum; 10 s when absent. */
  readonly timeoutMs?: number;
}

export interface UpdateResult<T> {
  readonly value: T;
  /** Raft index at which every manager that has applied it shows the change. */
  readonly rev: number;
}

export interface ManagerInfo {
  readonly nodeId: string;
  readonly raftId: number;
  /** host:port of the manager port. */
  readonly addr: string;
  readonly apiUrl?: string;
}

export interface ControlPlaneStatus {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly raftId: number;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  readonly term: number;
  readonly isLeader: boolean;
  /** True on a leader whose loops and dispatcher run, and on a follower that knows a leader. */
  readonly isReady: boolean;
  readonly leader?: ManagerInfo;
  readonly managers: readonly ManagerInfo[];
  readonly appliedRev: number;
  readonly commitRev: number;
  /** How the disk of this manager's log does: on one that is slow or full it does not lead if another can. */
  readonly disk: DiskState;
}

/** A request of the REST API on its way from a follower to the leader. */
export interface ForwardedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Who asks, as the follower has already established it (JSON value; the edge defines its form). */
  readonly principal?: unknown;
}

export interface ForwardedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** `fromNodeId` is taken from the manager certificate of the follower that forwarded the request. */
export type ForwardedRequestHandler = (
  request: ForwardedRequest,
  fromNodeId: string,
) => Promise<ForwardedAnswer>;

/** Certificate of this node with its key, for the HTTPS port. */
export interface ServerCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

/** A sealed copy of the cluster's state. */
export interface Backup {
  /** Log index of the state in it. */
  readonly rev: number;
  readonly file: Uint8Array;
}

/** The control plane of one manager as its edge (REST, WebSocket, history) sees it. */
export interface ControlPlane {
  readonly nodeId: string;

  /** Resolves when this manager has its state and takes part in Raft (a leader need not be known yet). */
  start(): Promise<void>;
  /** Hands leadership over when it has it, stops loops, sessions and Raft. Idempotent. */
  stop(): Promise<void>;

  /** Reads this manager's applied state. `fn` is synchronous and must not keep `tx`. */
  view<T>(fn: (tx: ReadTx) => T): T;

  /**
   * Changes the state: `fn` runs on the leader's newest state, its writes go through Raft in one entry, and the
   * promise resolves when they are applied here. `fn` runs at once, and again on the newer state when somebody else's
   * change made its own impossible meanwhile: it must have no effect but through `tx`. What it throws is rejected and
   * nothing is written. When the entry's fate is unknown (leadership lost meanwhile) the error is `unavailable`.
   * @throws SwarmError `not_leader` (details.leaderAddr, details.leaderApiUrl), `unavailable` without a quorum.
   */
  update<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>>;

  appliedRev(): number;
  /** @throws SwarmError `deadline_exceeded`. */
  waitApplied(rev: number, timeoutMs: number): Promise<void>;
  /**
   * Waits until {@link view} shows everything that was acknowledged before this call, on any manager.
   * @throws SwarmError `unavailable` without a leader, `deadline_exceeded`.
   */
  catchUp(): Promise<void>;
  status(): ControlPlaneStatus;
  /** Called at each change of role, leader, term or membership. Returns the function that ends it. */
  onStatus(callback: (status: ControlPlaneStatus) => void): () => void;
  /**
   * Applied entries from `afterIndex` (absent: now) on. Holds no buffer: a reader that is too far behind is told to
   * resync. See the store's Subscription.
   */
  watch(options?: WatchOptions): Subscription;
  /** History records not yet trimmed whose log index is greater than `afterIndex`, in order; for the projector. */
  historyAfter(afterIndex: number, limit?: number): HistoryEntry[];

  /**
   * Sends an API request to the leader and waits until its answer's `x-skep-rev` header, when there is one, is applied
   * here (read your writes). Body of request and answer at most 10 MiB, 30 s.
   * @throws SwarmError `unavailable` when no leader is known, `deadline_exceeded`, `too_large`.
   */
  forward(request: ForwardedRequest): Promise<ForwardedAnswer>;
  /** Sets the one handler of requests that followers forward to this manager. */
  onForwardedRequest(handler: ForwardedRequestHandler): void;

  /** Opens logs, exec or stats of tasks anywhere in the cluster, from any manager. */
  openStream(request: StreamRequest): Promise<StreamChannel>;

  /**
   * Wants another role for a node (leader only). Certificates, processes and Raft membership follow by themselves.
   * @throws SwarmError `failed_precondition` when the quorum would be lost or it is the last manager.
   */
  promoteNode(context: UpdateContext<void>, nodeId: string): Promise<UpdateResult<void>>;
  demoteNode(context: UpdateContext<void>, nodeId: string): Promise<UpdateResult<void>>;
  /** Removes a node that is down (or any with `force`); a manager must be demoted first unless forced. */
  removeNode(
    context: UpdateContext<void>,
    nodeId: string,
    options?: { readonly force?: boolean },
  ): Promise<UpdateResult<void>>;
  /** Hands leadership to `nodeId`, or to the manager that is furthest. */
  transferLeadership(nodeId?: string): Promise<void>;
  /** New join token for a role; the old one is refused from then on. Answers the new token. */
  rotateJoinToken(context: UpdateContext<string>, role: 'worker' | 'manager'): Promise<UpdateResult<string>>;

  /**
   * The whole state, sealed with a passphrase. With a quorum it holds everything that was acknowledged before the call;
   * without one, what this manager has applied.
   * @throws SwarmError `invalid_argument` for a passphrase that is too short.
   */
  backup(passphrase: string): Promise<Backup>;

  serverCertificate(): ServerCertificate;
  /** Called after each renewal of this node's certificate. Returns the function that ends it. */
  onCertificate(callback: (certificate: ServerCertificate) => void): () => void;
}
