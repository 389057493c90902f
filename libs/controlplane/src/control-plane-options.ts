import type { Logger } from 'pino';

import type { Clock } from '@skep/kernel';
import type { AppliedEntry, ReadTx, WriteTx } from '@skep/store';
import type { ManagerAddress } from '@skep/wire';

import type { BootstrapSettings } from './ca/identity-files.ts';
import type { UpdateContext, UpdateResult } from './control-plane-api.ts';
import type { RaftOrigin } from './driver/raft-handle.ts';
import type { LeaderPart } from './leadership.ts';

/** What the control loops are given. */
export interface LoopPorts {
  readonly log: Logger;
  readonly clock: Clock;
  readonly newId: () => string;
  view<T>(fn: (tx: ReadTx) => T): T;
  /** One entry, all or nothing. */
  update<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>>;
  /** As many entries as needed; overtaken parts are left out. */
  updateParts<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>>;
  /** Returns the function that ends it. */
  onApplied(callback: (applied: AppliedEntry) => void): () => void;
  onRestored(callback: () => void): () => void;
}

export interface ControlPlaneOptions {
  /** `<data root>/node`: key, certificate and root of this node; only read here. */
  readonly nodeDir: string;
  /** `<data root>/raft`: made with mode 0700. */
  readonly raftDir: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** `host` or `host:port` at which agents and other managers reach this one. */
  readonly advertiseAddr: string;
  /** `https://host:port` of the REST API, told to the others. */
  readonly apiUrl?: string;
  /** What to do when there is no state on disk. */
  readonly origin: RaftOrigin;
  /** Opens the data key of a manager that was locked. */
  readonly keyEncryptionKey?: Uint8Array;
  /** Settings of a new cluster; `<data root>/node/bootstrap.json` when absent. */
  readonly bootstrap?: BootstrapSettings;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Control loops that run on the leader; the real ones when absent. */
  readonly loops?: (ports: LoopPorts) => LeaderPart;
  /** The process has to end: the state cannot follow the log, or the Raft thread failed. */
  readonly onFatal: (error: unknown) => void;
  /** Script of the Raft thread, where a bundle has its own. */
  readonly raftThreadUrl?: URL;
  /** How often managers compare their state, in log entries; 1,000 when absent. */
  readonly digestEveryEntries?: number;
  /** Raft's tick, for tests; 100 ms when absent. */
  readonly raftTickMs?: number;
}

/** What all parts of the control plane share. */
export interface PartPorts {
  readonly clock: Clock;
  readonly newId: () => string;
  view<T>(fn: (tx: ReadTx) => T): T;
  update<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>>;
  updateParts<T>(context: UpdateContext<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>>;
  managers(): readonly ManagerAddress[];
  leaderAddr(): string | undefined;
  isLeader(): boolean;
}
