import { SwarmError } from '@skep/kernel';
import { ByteReader, ByteWriter, decodeMessage, encodeMessage, type Message } from '@skep/raft';

/**
 * Frames between managers on `/raft`. A snapshot is announced by its message without the data, then streamed in parts,
 * then ended by its size, so that neither side holds up the connection with one giant frame.
 */
export type RaftFrame =
  | { readonly kind: 'messages'; readonly messages: readonly Message[] }
  | { readonly kind: 'snapshotBegin'; readonly message: Message; readonly sizeBytes: number }
  | { readonly kind: 'snapshotPart'; readonly data: Uint8Array }
  | { readonly kind: 'snapshotEnd' };

/** The number on the wire is the place here: add at the end, never reorder. */
const KINDS = ['messages', 'snapshotBegin', 'snapshotPart', 'snapshotEnd'] as const;

/** `control`: votes, heartbeats and answers. `bulk`: entries and snapshots. They never wait for each other. */
export type LinkClass = 'control' | 'bulk';

export const RAFT_WIRE_VERSION = 1;
export const RAFT_FRAME_BYTES_MAX = 64 * 1024 * 1024;
export const SNAPSHOT_PART_BYTES = 256 * 1024;

export function linkClassOf(message: Message): LinkClass {
  return message.type === 'append' || message.type === 'snapshot' || message.type === 'forward'
    ? 'bulk'
    : 'control';
}

export function encodeRaftFrame(frame: RaftFrame): Uint8Array {
  const messages = frame.kind === 'messages' ? frame.messages.map(encodeMessage) : [];
  const writer = new ByteWriter(messages.reduce((sum, bytes) => sum + bytes.length + 8, 64));
  writer.byte(KINDS.indexOf(frame.kind));
  switch (frame.kind) {
    case 'messages':
      writer.list(messages, (bytes) => {
        writer.bytes(bytes);
      });
      break;
    case 'snapshotBegin':
      writer.bytes(encodeMessage(frame.message));
      writer.uint(frame.sizeBytes);
      break;
    case 'snapshotPart':
      writer.bytes(frame.data);
      break;
    case 'snapshotEnd':
      break;
  }
  return writer.written;
}

/** @throws SwarmError `data_loss` on bytes that {@link encodeRaftFrame} did not make. */
export function decodeRaftFrame(bytes: Uint8Array): RaftFrame {
  const reader = new ByteReader(bytes);
  const kind = KINDS[reader.byte()];
  if (kind === undefined) {
    throw new SwarmError('data_loss', 'raft frame of an unknown kind; the sender may be newer');
  }
  switch (kind) {
    case 'messages':
      return { kind, messages: reader.list(() => decodeMessage(reader.bytes())) };
    case 'snapshotBegin':
      return { kind, message: decodeMessage(reader.bytes()), sizeBytes: reader.uint() };
    case 'snapshotPart':
      return { kind, data: reader.bytes() };
    case 'snapshotEnd':
      return { kind };
  }
}
