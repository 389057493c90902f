import { SwarmError } from '@skep/kernel';

import { ByteReader, ByteWriter } from './bytes.ts';
import { readEntry, readSnapshotMeta, writeEntry, writeSnapshotMeta } from './codec.ts';
import { entrySizeBytes } from './entry.ts';
import type { Envelope, Message, MessageBody, MessageType } from './message.ts';

/** The wire number of a message type is its place here: add at the end, never reorder. */
const TYPES = [
  'append',
  'appendReply',
  'heartbeat',
  'heartbeatReply',
  'vote',
  'voteReply',
  'preVote',
  'preVoteReply',
  'snapshot',
  'timeoutNow',
  'forward',
  'readIndex',
  'readIndexReply',
  'transfer',
] as const satisfies readonly MessageType[];

/** Encodes one message for the wire between managers. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter(encodedBytesMax(message));
  writer.byte(TYPES.indexOf(message.type));
  writer.uint(message.from);
  writer.uint(message.to);
  writer.uint(message.term);
  writeBody(writer, message);
  return writer.written;
}

/** Room enough for most messages, so that the writer seldom has to grow. */
function encodedBytesMax(message: Message): number {
  return message.type === 'append'
    ? message.entries.reduce((sum, entry) => sum + entrySizeBytes(entry), 64)
    : 64;
}

/** @throws SwarmError `data_loss` when the bytes are no message, or one of a newer version. */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes);
  const type = TYPES[reader.byte()];
  if (type === undefined) {
    throw new SwarmError('data_loss', 'raft message of an unknown type; the sender may be newer');
  }
  const envelope: Envelope = { from: reader.uint(), to: reader.uint(), term: reader.uint() };
  const body = readBody(reader, type);
  reader.end();
  return { ...body, ...envelope };
}

function writeBody(writer: ByteWriter, body: MessageBody): void {
  switch (body.type) {
    case 'append':
      writer.uint(body.prevLogIndex);
      writer.uint(body.prevLogTerm);
      writer.uint(body.commit);
      writer.list(body.entries, (entry) => {
        writeEntry(writer, entry);
      });
      return;
    case 'appendReply':
      writer.uint(body.logIndex);
      writer.flag(body.isRejected);
      writer.uint(body.hintIndex);
      writer.uint(body.hintTerm);
      return;
    case 'heartbeat':
      writer.uint(body.commit);
      writer.uint(body.readRound);
      return;
    case 'heartbeatReply':
      writer.uint(body.readRound);
      return;
    case 'vote':
    case 'preVote':
      writer.uint(body.lastLogIndex);
      writer.uint(body.lastLogTerm);
      writer.flag(body.isTransfer);
      writer.uint(body.commit);
      writer.uint(body.commitTerm);
      return;
    case 'voteReply':
    case 'preVoteReply':
      writer.flag(body.isRejected);
      writer.uint(body.commit);
      writer.uint(body.commitTerm);
      return;
    case 'snapshot':
      writeSnapshotMeta(writer, body.snapshot.meta);
      writer.bytes(body.snapshot.data);
      return;
    case 'timeoutNow':
      return;
    case 'forward':
      writer.list(body.proposals, (data) => {
        writer.bytes(data);
      });
      return;
    case 'readIndex':
      writer.uint(body.context);
      return;
    case 'readIndexReply':
      writer.uint(body.context);
      writer.uint(body.logIndex);
      return;
    case 'transfer':
      writer.uint(body.transferee);
      return;
  }
}

function readBody(reader: ByteReader, type: MessageType): MessageBody {
  switch (type) {
    case 'append':
      return {
        type,
        prevLogIndex: reader.uint(),
        prevLogTerm: reader.uint(),
        commit: reader.uint(),
        entries: reader.list(() => readEntry(reader)),
      };
    case 'appendReply':
      return {
        type,
        logIndex: reader.uint(),
        isRejected: reader.flag(),
        hintIndex: reader.uint(),
        hintTerm: reader.uint(),
      };
    case 'heartbeat':
      return { type, commit: reader.uint(), readRound: reader.uint() };
    case 'heartbeatReply':
      return { type, readRound: reader.uint() };
    case 'vote':
    case 'preVote':
      return {
        type,
        lastLogIndex: reader.uint(),
        lastLogTerm: reader.uint(),
        isTransfer: reader.flag(),
        commit: reader.uint(),
        commitTerm: reader.uint(),
      };
    case 'voteReply':
    case 'preVoteReply':
      return { type, isRejected: reader.flag(), commit: reader.uint(), commitTerm: reader.uint() };
    case 'snapshot':
      return { type, snapshot: { meta: readSnapshotMeta(reader), data: reader.bytes() } };
    case 'timeoutNow':
      return { type };
    case 'forward':
      return { type, proposals: reader.list(() => reader.bytes()) };
    case 'readIndex':
      return { type, context: reader.uint() };
    case 'readIndexReply':
      return { type, context: reader.uint(), logIndex: reader.uint() };
    case 'transfer':
      return { type, transferee: reader.uint() };
  }
}
