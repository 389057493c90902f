import type { RestartPolicy } from './container-config.ts';

const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 60_000;
/** A run that lasted this long makes the next back-off start from the beginning. */
const STEADY_RUN_MS = 10_000;

export interface RestartInput {
  readonly policy: RestartPolicy;
  readonly exitCode: number;
  readonly isStoppedByUser: boolean;
  readonly restartCount: number;
  readonly ranForMs: number;
  /** The back-off before the run that has ended; 0 for the first. */
  readonly lastBackoffMs: number;
}

/** Whether a container that ended is started again, and after what pause; null: it stays ended. Docker's rules. */
export function decideRestart(input: RestartInput): { readonly backoffMs: number } | null {
  const { policy } = input;
  if (input.isStoppedByUser || policy.name === 'no') {
    return null;
  }
  if (policy.name === 'on-failure') {
    const retriesMax = policy.maximumRetryCount ?? 0;
    if (input.exitCode === 0 || (retriesMax > 0 && input.restartCount >= retriesMax)) {
      return null;
    }
  }
  const isSteady = input.ranForMs >= STEADY_RUN_MS || input.lastBackoffMs === 0;
  return { backoffMs: isSteady ? BACKOFF_FIRST_MS : Math.min(input.lastBackoffMs * 2, BACKOFF_MAX_MS) };
}

/** What is known of a container that does not run when the engine opens. */
export interface ReturnInput {
  readonly policy: RestartPolicy;
  /** It ran, or was about to be started again, when the engine or its host ended. */
  readonly wasUp: boolean;
  readonly exitCode: number;
  readonly isStoppedByUser: boolean;
  readonly restartCount: number;
}

/** Whether a container that does not run is started when the engine opens (after a reboot, say). Docker's rules. */
export function startsWithEngine(input: ReturnInput): boolean {
  const { policy, isStoppedByUser } = input;
  switch (policy.name) {
    case 'always':
      return true;
    case 'unless-stopped':
      return !isStoppedByUser;
    case 'on-failure':
      return input.wasUp && decideRestart({ ...input, ranForMs: 0, lastBackoffMs: 0 }) !== null;
    case 'no':
      return false;
  }
}
