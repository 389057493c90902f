import { SwarmError } from '@skep/kernel';
import { ManagerMessage, decodeFrame, encodeFrame, type AgentMessage } from '@skep/wire';

import type { LeaderAnswer } from './leader-search.ts';
import type { ManagerSocket } from './manager-socket.ts';

/**
 * Asks one manager who leads, on a connection of its own, which is over afterwards.
 * @throws SwarmError `unavailable` when it is not reached, says something else, or the signal fires.
 */
export async function askLeader(
  addr: string,
  dial: () => ManagerSocket,
  signal: AbortSignal,
): Promise<LeaderAnswer> {
  const refusal = (cause?: unknown): SwarmError =>
    new SwarmError('unavailable', `manager ${addr} did not say who leads`, { cause });
  if (signal.aborted) {
    throw refusal(signal.reason);
  }
  const socket = dial();
  try {
    return await new Promise<LeaderAnswer>((resolve, reject) => {
      const fail = (cause?: unknown): void => {
        reject(refusal(cause));
      };
      signal.addEventListener(
        'abort',
        () => {
          fail(signal.reason);
        },
        { once: true },
      );
      socket.on('error', fail);
      socket.on('close', () => {
        fail();
      });
      socket.on('open', () => {
        socket.send(encodeFrame({ t: 'whoLeads' } satisfies AgentMessage));
      });
      socket.on('message', (data) => {
        try {
          const message = decodeFrame(ManagerMessage, data);
          if (message.t === 'leader') {
            resolve({ leaderAddr: message.leaderAddr, managers: message.managers });
          } else {
            fail();
          }
        } catch (error) {
          fail(error);
        }
      });
    });
  } finally {
    socket.terminate();
  }
}
