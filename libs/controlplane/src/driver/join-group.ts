import type { Logger } from 'pino';

import { SwarmError, errorMessage, isSwarmError } from '@skep/kernel';

import { askManager, type ManagerAnswer } from '../transport/manager-rpc.ts';
import type { TlsMaterial } from './raft-handle.ts';

const ATTEMPTS_MAX = 30;
const ATTEMPT_DELAY_MS = 500;

export interface JoinGroupOptions {
  readonly peers: readonly string[];
  readonly advertiseAddr: string;
  readonly clusterId: string;
  readonly tls: TlsMaterial;
  readonly logger: Logger;
}

/**
 * Asks the managers in turn to take this one in, following their word on who leads.
 * @throws SwarmError `unavailable` when nobody did within about 15 s; other refusals at once.
 */
export async function joinGroup(options: JoinGroupOptions): Promise<ManagerAnswer> {
  const { peers, advertiseAddr, clusterId, tls, logger } = options;
  let hint: string | undefined;
  let reason = 'no manager is known';
  for (let attempt = 0; attempt < ATTEMPTS_MAX && peers.length > 0; attempt += 1) {
    const addr = hint ?? peers[attempt % peers.length] ?? '';
    try {
      return await askManager({ addr, clusterId, tls }, { op: 'join', addr: advertiseAddr });
    } catch (error) {
      if (isSwarmError(error) && !error.temporary) {
        throw error;
      }
      reason = errorMessage(error);
      logger.info({ addr, reason }, 'a manager could not take this one in yet');
      const leaderAddr = isSwarmError(error, 'not_leader') ? error.details['leaderAddr'] : undefined;
      hint = typeof leaderAddr === 'string' && leaderAddr !== addr ? leaderAddr : undefined;
    }
    if (hint === undefined) {
      await new Promise((resolve) => setTimeout(resolve, ATTEMPT_DELAY_MS));
    }
  }
  throw new SwarmError('unavailable', `no manager took this one in: ${reason}`);
}
