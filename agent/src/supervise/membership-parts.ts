import type { Logger } from 'pino';

import type { NodeRole } from '@skep/model';
import type { ManagerAddress } from '@skep/wire';

import type { IdentityStore, NodeState } from '../worker/identity-store.ts';
import type { Welcome } from '../worker/session-client.ts';
import type { Worker } from '../worker/worker.ts';
import type { ManagerProcess } from './manager-process.ts';

/** What the membership steers. */
export interface MembershipParts {
  readonly identity: IdentityStore;
  /** Undefined where no manager program is installed: this host can only be a worker. */
  readonly manager: ManagerProcess | undefined;
  /** Makes the worker of the swarm this node is in; called once for each membership. */
  readonly newWorker: (callbacks: WorkerCallbacks) => Worker;
  readonly dataRoot: string;
  readonly raftDir: string;
  readonly listenAddr: string;
  readonly defaultAdvertiseAddr: string | undefined;
  readonly defaultDataPathAddr: string | undefined;
  readonly hostname: string;
  readonly log: Logger;
}

export interface WorkerCallbacks {
  readonly state: () => NodeState;
  readonly welcomed: (welcome: Welcome) => void;
  readonly managersChanged: (managers: readonly ManagerAddress[]) => void;
  readonly roleWanted: (role: NodeRole) => void;
  readonly removed: () => void;
}
