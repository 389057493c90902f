import type { Membership } from './membership.ts';

/** What a snapshot stands for: the state after `logIndex`, and the membership that was valid there. */
export interface SnapshotMeta {
  readonly logIndex: number;
  readonly term: number;
  readonly membership: Membership;
}

/**
 * A snapshot of the application. The core never looks into `data`; a host that streams snapshots from a file leaves
 * it empty on the sending side and fills it in before it steps the message on the receiving side.
 */
export interface Snapshot {
  readonly meta: SnapshotMeta;
  readonly data: Uint8Array;
}
