import type { Healthcheck } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';

/** Docker's `HealthConfig`; times in nanoseconds. */
export const DockerHealthcheck = z.object({
  Test: z.array(z.string()).optional(),
  Interval: z.number().optional(),
  Timeout: z.number().optional(),
  StartPeriod: z.number().optional(),
  StartInterval: z.number().optional(),
  Retries: z.number().optional(),
});
export type DockerHealthcheck = z.infer<typeof DockerHealthcheck>;

export function healthcheckFromDocker(check: DockerHealthcheck): Healthcheck {
  return compact<Healthcheck>({
    test: check.Test,
    intervalNs: orOmit(check.Interval),
    timeoutNs: orOmit(check.Timeout),
    startPeriodNs: orOmit(check.StartPeriod),
    startIntervalNs: orOmit(check.StartInterval),
    retries: orOmit(check.Retries),
  });
}

export function healthcheckToDocker(check: Healthcheck): DockerHealthcheck {
  return compact<DockerHealthcheck>({
    Test: check.test,
    Interval: orOmit(check.intervalNs),
    Timeout: orOmit(check.timeoutNs),
    StartPeriod: orOmit(check.startPeriodNs),
    StartInterval: orOmit(check.startIntervalNs),
    Retries: orOmit(check.retries),
  });
}
