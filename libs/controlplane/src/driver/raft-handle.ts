import type { MembershipChange, Member, Role } from '@skep/raft';

import type { ChannelServer } from '../transport/channel.ts';
import type { DiskState } from './disk-health.ts';

/** Certificate, key and cluster root, PEM. */
export interface TlsMaterial {
  readonly caPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What a member does when its data folder is empty. With state on disk it always goes on from there. */
export type RaftOrigin =
  | { readonly kind: 'bootstrap' }
  /** Asks one of these managers (`host:port`) to be taken in; it is promoted to a voter when it has caught up. */
  | { readonly kind: 'join'; readonly peers: readonly string[] }
  /** Refuses to start: this member is expected to have state. */
  | { readonly kind: 'restart' }
  /** Goes on from its state as the only member: the others are lost. A second start finds that done. */
  | { readonly kind: 'forceNewCluster' }
  /** Begins a group of its own whose application state is this one. */
  | { readonly kind: 'restore'; readonly logIndex: number; readonly data: Uint8Array };

export interface RaftStartOptions {
  /** Folder of log, snapshots and data key; made with mode 0700. */
  readonly dataDir: string;
  readonly nodeId: string;
  readonly clusterId: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** `host:port` at which other managers reach this one. A change is told to the group by itself. */
  readonly advertiseAddr: string;
  readonly tls: TlsMaterial;
  readonly origin: RaftOrigin;
  /** Key-encryption key (32 bytes) that wraps the data key; without one the data key is stored as it is. */
  readonly keyEncryptionKey?: Uint8Array;
  /**
   * Who may join the group: any manager of the cluster by its certificate (`any`, the default), or only the nodes
   * named by {@link RaftHandle.admit}; a certificate outlives a demotion.
   */
  readonly admission?: 'any' | 'named';
  /** Default: see raft-timing.ts. */
  readonly tickMs?: number;
  /** A snapshot is asked for after this many entries; default 10,000. */
  readonly snapshotIntervalEntries?: number;
  /** Entries kept behind a snapshot for followers that are a little behind; default 500. */
  readonly snapshotKeepEntries?: number;
  /** Script of the Raft thread; default is the one beside this file. Bundles name theirs here. */
  readonly threadUrl?: URL;
}

export interface CommittedEntry {
  readonly logIndex: number;
  readonly term: number;
  /** Empty for Raft's own entries (a new leader's first one, membership changes): they only move the index. */
  readonly data: Uint8Array;
}

/** What was committed, in log order, each entry exactly once; `snapshot` comes before `entries` and replaces all. */
export interface CommittedBatch {
  readonly entries: readonly CommittedEntry[];
  readonly snapshot?: { readonly logIndex: number; readonly data: Uint8Array };
}

export interface RaftMemberStatus extends Member {
  readonly role: 'voter' | 'learner';
  readonly isLeader: boolean;
  /** Only known on the leader. */
  readonly match?: number;
  readonly state?: 'probe' | 'replicate' | 'snapshot';
  /** Heard from within the last election timeout; only known on the leader. */
  readonly isReachable?: boolean;
}

export interface RaftStatus {
  readonly raftId: number;
  readonly nodeId: string;
  readonly term: number;
  readonly role: Role;
  /** Raft id, node id and address of the leader; undefined while there is none. */
  readonly leader: Member | undefined;
  readonly commit: number;
  /** Last index that the application has acknowledged. */
  readonly applied: number;
  readonly lastIndex: number;
  readonly snapshotIndex: number;
  readonly members: readonly RaftMemberStatus[];
  /** Whether a joint membership change is under way. */
  readonly isChangingMembership: boolean;
  /** A leader that hears a quorum, or a follower that hears a leader. */
  readonly hasQuorum: boolean;
  /** Set when this member was removed from the group. */
  readonly isRemoved: boolean;
  /** A manager whose disk is `slow` or `full` does not lead if another one can. */
  readonly disk: DiskState;
}

export interface ProposeOptions {
  /** After this the promise rejects with `deadline_exceeded`; the proposal may still be committed. */
  readonly timeoutMs: number;
  /** Only as a proposal of this term: refused with `not_leader` when there was an election since. */
  readonly term?: number | undefined;
}

export type MembershipRequest =
  | { readonly kind: 'remove'; readonly nodeId: string }
  | { readonly kind: 'promote'; readonly nodeId: string }
  | { readonly kind: 'demote'; readonly nodeId: string }
  | { readonly kind: 'updateAddress'; readonly nodeId: string; readonly addr: string }
  | { readonly kind: 'change'; readonly change: MembershipChange };

/** The main thread's side of the Raft thread. */
export interface RaftHandle {
  /**
   * Starts the thread and returns when the port listens and the state on disk is read (and, for `join`, when the group
   * has taken this member in). Everything after that comes by the callbacks, which must be set before.
   * @throws SwarmError `data_loss` for damaged files, `failed_precondition` for wrong options, `unavailable` when no
   * peer answers a join.
   */
  start(options: RaftStartOptions): Promise<void>;
  /**
   * Resolves when the entry is committed and was delivered to {@link onCommitted} here.
   * @throws SwarmError `not_leader` (details.leaderAddr), `unavailable` (no leader, or the leadership was lost before
   * the outcome was known), `deadline_exceeded`, `resource_exhausted`, `too_large`.
   */
  propose(data: Uint8Array, options: ProposeOptions): Promise<{ readonly logIndex: number }>;
  /** Called in log order. The application must acknowledge by {@link applied}, or delivery stops after a while. */
  onCommitted(callback: (batch: CommittedBatch) => void): void;
  /** The application's state now contains everything up to `logIndex`. */
  applied(logIndex: number): void;
  /**
   * The index that must be applied before a linearizable read. Works on every member.
   * @throws SwarmError `unavailable` without a leader, `deadline_exceeded` after 5 s.
   */
  readIndex(): Promise<number>;
  /** The newest status the thread has sent. */
  status(): RaftStatus;
  /** Called when leader, role, quorum or membership change. */
  onStatus(callback: (status: RaftStatus) => void): void;
  /**
   * Changes the membership and waits until it is applied.
   * @throws SwarmError `not_leader`, `failed_precondition` (with the reason), `unavailable`.
   */
  changeMembership(request: MembershipRequest): Promise<void>;
  /** With `admission: 'named'`: these nodes may join from now on, no others. Nobody may before the first call. */
  admit(nodeIds: readonly string[]): void;
  /** Hands the leadership to a member, by default the most advanced one, and waits until it is taken over. */
  transferLeadership(nodeId?: string): Promise<void>;
  /**
   * Sets who makes snapshots. It is called between two batches with the last index that was acknowledged by
   * {@link applied}, and must capture the state of that index before it first waits for anything.
   */
  snapshotNeeded(callback: (logIndex: number) => Promise<Uint8Array>): void;
  /** Called when the thread has failed for good (disk error, damaged peer, bug); the process should exit. */
  onFailure(callback: (error: Error) => void): void;
  /** Other connections to the manager port. */
  readonly channels: ChannelServer;
  /**
   * This member is reached at another address from now on (`host:port`). Peers learn it when it dials them anew, and
   * the group agrees on it as soon as it has a leader.
   */
  setAddress(addr: string): Promise<void>;
  /** Replaces certificate, key and root for new connections. */
  setTls(tls: TlsMaterial): Promise<void>;
  /** Replaces (or, with undefined, removes) the key that wraps the data key on disk. */
  setKeyEncryptionKey(key: Uint8Array | undefined): Promise<void>;
  /** Stops the thread after the write under way. */
  stop(): Promise<void>;
}
