import { SwarmError } from '@skep/kernel';

import type { ControlPlane } from '../control-plane-api.ts';

const FIRST_LEADER_TIMEOUT_MS = 30_000;

/** Waits until this manager, which is alone in its group, leads. @throws SwarmError `unavailable` after 30 s. */
export async function untilLeading(manager: Pick<ControlPlane, 'status'>): Promise<void> {
  const deadlineMs = performance.now() + FIRST_LEADER_TIMEOUT_MS;
  while (!manager.status().isLeader) {
    if (performance.now() > deadlineMs) {
      throw new SwarmError('unavailable', 'the new cluster has elected no leader in time');
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
