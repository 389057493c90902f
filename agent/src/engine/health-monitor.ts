import type { Logger } from 'pino';
import type { HealthProbe, HealthState, HealthStatus } from './container-api.ts';
import type { ContainerEntry, EffectiveHealthcheck } from './container-record.ts';
import type { ExecApi } from './exec-api.ts';

const PROBES_KEPT = 5;
const OUTPUT_BYTES_MAX = 4096;
const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c'];

/** Health after one more probe: the rule that Docker follows. Pure. */
export function nextHealth(
  before: HealthState,
  probe: HealthProbe,
  facts: { readonly retries: number; readonly isInStartPeriod: boolean },
): HealthState {
  const log = [...before.log, probe].slice(-PROBES_KEPT);
  if (probe.exitCode === 0) {
    return { status: 'healthy', failingStreak: 0, log };
  }
  // While it starts, a failing probe tells nothing, unless the container has been healthy already.
  if (facts.isInStartPeriod && before.status === 'starting') {
    return { ...before, log };
  }
  const failingStreak = before.failingStreak + 1;
  const status: HealthStatus = failingStreak >= facts.retries ? 'unhealthy' : before.status;
  return { status, failingStreak, log };
}

export interface HealthMonitorOptions {
  readonly execs: ExecApi;
  readonly log: Logger;
  /** Called when the status has changed. */
  readonly onChange: (entry: ContainerEntry, status: HealthStatus) => void;
}

/** Probes the health of running containers that have a check. */
export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(options: HealthMonitorOptions) {
    this.#options = options;
  }

  /** Begins to probe a container that has just started (or was adopted). */
  start(entry: ContainerEntry): void {
    const check = entry.record.effective.healthcheck;
    this.stop(entry.record.id);
    if (check !== null) {
      entry.health ??= { status: 'starting', failingStreak: 0, log: [] };
      this.#schedule(entry, check);
    }
  }

  stop(containerId: string): void {
    clearTimeout(this.#timers.get(containerId));
    this.#timers.delete(containerId);
  }

  close(): void {
    for (const id of [...this.#timers.keys()]) {
      this.stop(id);
    }
  }

  #schedule(entry: ContainerEntry, check: EffectiveHealthcheck): void {
    const isStarting = entry.health?.status === 'starting' && isInStartPeriod(entry, check);
    const timer = setTimeout(
      () => {
        void this.#probe(entry, check, timer);
      },
      isStarting ? Math.min(check.startIntervalMs, check.intervalMs) : check.intervalMs,
    );
    timer.unref();
    this.#timers.set(entry.record.id, timer);
  }

  async #probe(entry: ContainerEntry, check: EffectiveHealthcheck, timer: NodeJS.Timeout): Promise<void> {
    const { id } = entry.record;
    const isCurrent = (): boolean => this.#timers.get(id) === timer;
    if (entry.record.state.status === 'running') {
      const probe = await this.#run(entry, check);
      if (!isCurrent()) {
        return;
      }
      this.#apply(entry, check, probe);
    }
    if (isCurrent()) {
      this.#schedule(entry, check);
    }
  }

  #apply(entry: ContainerEntry, check: EffectiveHealthcheck, probe: HealthProbe): void {
    const before = entry.health ?? { status: 'starting', failingStreak: 0, log: [] };
    const after = nextHealth(before, probe, {
      retries: check.retries,
      isInStartPeriod: isInStartPeriod(entry, check),
    });
    entry.health = after;
    if (after.status !== before.status) {
      this.#options.onChange(entry, after.status);
    }
  }

  async #run(entry: ContainerEntry, check: EffectiveHealthcheck): Promise<HealthProbe> {
    const startedAtMs = Date.now();
    const [kind, ...rest] = check.test;
    const cmd =
      kind === 'CMD-SHELL' ? [...DEFAULT_SHELL, rest.join(' ')] : kind === 'CMD' ? rest : check.test;
    try {
      const result = await this.#options.execs.run(
        entry.record.id,
        { cmd },
        { timeoutMs: check.timeoutMs, outputBytesMax: OUTPUT_BYTES_MAX },
      );
      return {
        startedAtMs,
        finishedAtMs: Date.now(),
        exitCode: result.isTimedOut ? -1 : result.exitCode,
        output: result.isTimedOut
          ? `Health check exceeded timeout (${String(check.timeoutMs)}ms)`
          : result.output.toString(),
      };
    } catch (err: unknown) {
      this.#options.log.debug({ err, containerId: entry.record.id }, 'a health probe could not run');
      const output = err instanceof Error ? err.message : String(err);
      return { startedAtMs, finishedAtMs: Date.now(), exitCode: -1, output };
    }
  }
}

function isInStartPeriod(entry: ContainerEntry, check: EffectiveHealthcheck): boolean {
  return Date.now() - entry.record.state.startedAtMs < check.startPeriodMs;
}
