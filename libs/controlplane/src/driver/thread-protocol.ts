import type { MessagePort } from 'node:worker_threads';

import type { ErrorRecord } from '@skep/kernel';
import { ByteReader, ByteWriter } from '@skep/raft';

import type {
  CommittedEntry,
  MembershipRequest,
  RaftStartOptions,
  RaftStatus,
  TlsMaterial,
} from './raft-handle.ts';

/** What the thread is started with. */
export interface ThreadData {
  readonly options: Omit<RaftStartOptions, 'threadUrl'>;
  readonly channelPort: MessagePort;
  readonly logLevel: string;
}

/** A request that is answered by an {@link ThreadEvent} `answer` with the same id. */
export type ThreadRequest =
  | { readonly op: 'readIndex'; readonly id: number }
  | { readonly op: 'changeMembership'; readonly id: number; readonly request: MembershipRequest }
  | { readonly op: 'transfer'; readonly id: number; readonly nodeId: string | undefined }
  | { readonly op: 'setAddress'; readonly id: number; readonly addr: string }
  | { readonly op: 'setTls'; readonly id: number; readonly tls: TlsMaterial }
  | { readonly op: 'setKeyEncryptionKey'; readonly id: number; readonly key: Uint8Array | undefined }
  | { readonly op: 'stop'; readonly id: number };

export type ThreadCommand =
  | ThreadRequest
  /** Proposals with the ids `firstId`, `firstId + 1` ..., packed by {@link packItems}. */
  | {
      readonly op: 'propose';
      readonly firstId: number;
      readonly packed: Uint8Array;
      readonly term: number | undefined;
    }
  | { readonly op: 'applied'; readonly logIndex: number }
  /** Nodes that may join the group. */
  | { readonly op: 'admit'; readonly nodeIds: readonly string[] }
  | { readonly op: 'snapshot'; readonly logIndex: number; readonly data: Uint8Array | undefined };

export type ThreadEvent =
  | { readonly op: 'started' }
  | { readonly op: 'failed'; readonly error: ErrorRecord }
  | {
      readonly op: 'committed';
      /** Packed by {@link packEntries}. */
      readonly packed: Uint8Array;
      readonly snapshot: { readonly logIndex: number; readonly data: Uint8Array } | undefined;
      /** Pairs of proposal id and log index that are hereby committed. */
      readonly resolved: readonly number[];
    }
  | { readonly op: 'rejected'; readonly ids: readonly number[]; readonly error: ErrorRecord }
  | {
      readonly op: 'answer';
      readonly id: number;
      readonly value: number;
      readonly error: ErrorRecord | undefined;
    }
  | { readonly op: 'status'; readonly status: RaftStatus }
  | { readonly op: 'snapshotNeeded'; readonly logIndex: number };

/** Many byte strings as one, so that a message between threads carries one buffer. */
export function packItems(items: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter(items.reduce((sum, item) => sum + item.length + 8, 8));
  writer.list(items, (item) => {
    writer.bytes(item);
  });
  return writer.written;
}

export function unpackItems(packed: Uint8Array): readonly Uint8Array[] {
  const reader = new ByteReader(packed);
  return reader.list(() => reader.bytes());
}

export function packEntries(entries: readonly CommittedEntry[]): Uint8Array {
  const writer = new ByteWriter(entries.reduce((sum, entry) => sum + entry.data.length + 24, 8));
  writer.list(entries, (entry) => {
    writer.uint(entry.logIndex);
    writer.uint(entry.term);
    writer.bytes(entry.data);
  });
  return writer.written;
}

export function unpackEntries(packed: Uint8Array): readonly CommittedEntry[] {
  const reader = new ByteReader(packed);
  return reader.list(() => ({ logIndex: reader.uint(), term: reader.uint(), data: reader.bytes() }));
}
