import { WebSocket } from 'ws';
import { z } from 'zod';

import {
  SwarmError,
  decodeCbor,
  encodeCbor,
  errorMessage,
  fromErrorRecord,
  toErrorRecord,
  type ErrorRecord,
} from '@skep/kernel';

import type { TlsMaterial } from '../driver/raft-handle.ts';
import { CLOSE_NORMAL, type ChannelPeer } from './channel.ts';
import type { AcceptedSocket } from './manager-server.ts';
import { clientOptions } from './tls-options.ts';

/**
 * Single questions between managers on `/raft/rpc`: one CBOR frame there, one back, then the connection ends. `join`
 * asks to be taken in, `address` tells a new address of the asking member.
 */
const requestSchema = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('join'), addr: z.string().min(3).max(300) }),
  z.strictObject({ op: z.literal('address'), raftId: z.int().positive(), addr: z.string().min(3).max(300) }),
]);

const memberSchema = z.strictObject({
  raftId: z.int().positive(),
  nodeId: z.string(),
  addr: z.string(),
});

const answerSchema = z.union([
  z.strictObject({ raftId: z.int().positive(), members: z.array(memberSchema) }),
  z.strictObject({ error: z.unknown() }),
]);

export type ManagerRequest = z.infer<typeof requestSchema>;
/** The member's raft id and the members it can reach the group by. */
export interface ManagerAnswer {
  readonly raftId: number;
  readonly members: readonly z.infer<typeof memberSchema>[];
}

export const RPC_FRAME_BYTES_MAX = 256 * 1024;
const RPC_TIMEOUT_MS = 10_000;

/** Answers one question on an accepted connection. */
export function serveManagerRequest(
  accepted: AcceptedSocket,
  answer: (request: ManagerRequest, peer: ChannelPeer) => Promise<ManagerAnswer>,
): void {
  const { socket, peer } = accepted;
  const timer = setTimeout(() => {
    socket.terminate();
  }, RPC_TIMEOUT_MS * 2);
  socket.once('close', () => {
    clearTimeout(timer);
  });
  socket.once('message', (data: Buffer) => {
    const run = async (): Promise<ManagerAnswer> => {
      const request = requestSchema.safeParse(decodeCbor(data));
      if (!request.success || peer === undefined) {
        throw new SwarmError('invalid_argument', 'not a request between managers');
      }
      return answer(request.data, peer);
    };
    run()
      .then(
        (value) => encodeCbor(value),
        (error: unknown) => encodeCbor({ error: toErrorRecord(error) }),
      )
      .then((frame) => {
        socket.send(frame, () => {
          socket.close(CLOSE_NORMAL);
        });
      })
      .catch(() => {
        socket.terminate();
      });
  });
}

/**
 * Asks one manager.
 * @throws SwarmError what the manager answered, or `unavailable` when it cannot be reached.
 */
export async function askManager(
  target: { readonly addr: string; readonly clusterId: string; readonly tls: TlsMaterial },
  request: ManagerRequest,
): Promise<ManagerAnswer> {
  const socket = new WebSocket(`wss://${target.addr}/raft/rpc`, {
    ...clientOptions(target.tls, { clusterId: target.clusterId }),
    handshakeTimeout: RPC_TIMEOUT_MS,
    perMessageDeflate: false,
  });
  const signal = AbortSignal.timeout(RPC_TIMEOUT_MS);
  try {
    return await new Promise<ManagerAnswer>((resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('no answer in time'));
      });
      socket.on('open', () => {
        socket.send(encodeCbor(request));
      });
      socket.on('error', reject);
      socket.on('close', () => {
        reject(new Error('the connection ended without an answer'));
      });
      socket.on('message', (data: Buffer) => {
        // What a listener throws would end the thread, not this promise.
        try {
          resolve(readAnswer(data));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  } catch (error) {
    if (error instanceof SwarmError) {
      throw error;
    }
    throw new SwarmError('unavailable', `manager ${target.addr} cannot be asked: ${errorMessage(error)}`, {
      cause: error,
    });
  } finally {
    socket.terminate();
  }
}

function readAnswer(data: Buffer): ManagerAnswer {
  const answer = answerSchema.parse(decodeCbor(data));
  if ('error' in answer) {
    throw fromErrorRecord(answer.error as ErrorRecord);
  }
  return answer;
}
