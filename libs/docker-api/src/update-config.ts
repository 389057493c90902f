import type { UpdateConfig, UpdateStatus } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';
import { formatTimeMs } from './timestamps.ts';

const PER_MILLE = 1000;

/** Docker's `UpdateConfig` and `RollbackConfig`; times in nanoseconds. */
export const DockerUpdateConfig = z.object({
  Parallelism: z.number().optional(),
  Delay: z.number().optional(),
  FailureAction: z
    .enum(['', 'pause', 'continue', 'rollback'], { error: 'unrecognized update failure action' })
    .optional(),
  Monitor: z.number().optional(),
  MaxFailureRatio: z.number().optional(),
  Order: z.enum(['', 'stop-first', 'start-first'], { error: 'unrecognized update order' }).optional(),
});
export type DockerUpdateConfig = z.infer<typeof DockerUpdateConfig>;

/**
 * Absent numbers are Go's zeros here: a config without `Parallelism` replaces all tasks at once. Only a spec without
 * any config takes Swarm's default of one at a time.
 */
export function updateConfigFromDocker(config: DockerUpdateConfig): UpdateConfig {
  return compact<UpdateConfig>({
    parallelism: config.Parallelism ?? 0,
    delayNs: orOmit(config.Delay),
    failureAction: orOmit(config.FailureAction) ?? 'pause',
    monitorNs: orOmit(config.Monitor),
    maxFailurePerMille: Math.round((config.MaxFailureRatio ?? 0) * PER_MILLE),
    order: orOmit(config.Order) ?? 'stop-first',
  });
}

export function updateConfigToDocker(config: UpdateConfig): DockerUpdateConfig {
  return compact<DockerUpdateConfig>({
    Parallelism: config.parallelism ?? 1,
    Delay: orOmit(config.delayNs),
    FailureAction: config.failureAction ?? 'pause',
    Monitor: orOmit(config.monitorNs),
    MaxFailureRatio: (config.maxFailurePerMille ?? 0) / PER_MILLE,
    Order: config.order ?? 'stop-first',
  });
}

/** Docker's `UpdateStatus`. */
export interface DockerUpdateStatus {
  readonly State: string;
  readonly StartedAt?: string | undefined;
  readonly CompletedAt?: string | undefined;
  readonly Message?: string | undefined;
}

export function updateStatusToDocker(status: UpdateStatus): DockerUpdateStatus {
  return compact<DockerUpdateStatus>({
    State: status.state,
    StartedAt: status.startedAtMs === 0 ? undefined : formatTimeMs(status.startedAtMs),
    CompletedAt: status.completedAtMs === undefined ? undefined : formatTimeMs(status.completedAtMs),
    Message: orOmit(status.message),
  });
}
