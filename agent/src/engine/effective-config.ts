import { fail, ok, type Result } from '@skep/kernel';
import type { ImageConfig } from '@skep/oci';
import type { ContainerConfig, HealthcheckConfig } from './container-config.ts';
import type { EffectiveConfig, EffectiveHealthcheck } from './container-record.ts';
import { parseSignal } from './signals.ts';

const HEALTH_DEFAULTS = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  startPeriodMs: 0,
  startIntervalMs: 5000,
  retries: 3,
};

/** Merges a container's config over its image's, the way Docker does. */
export function mergeConfig(
  config: ContainerConfig,
  image: ImageConfig,
  containerId: string,
): Result<EffectiveConfig> {
  const stopSignal = orElse(config.stopSignal, orElse(image.stopSignal, 'SIGTERM'));
  const signal = parseSignal(stopSignal);
  if (!signal.ok) {
    return signal;
  }
  const command = mergeCommand(config, image);
  if (command.entrypoint.length + command.cmd.length === 0) {
    return fail('invalid_argument', 'No command specified');
  }
  const workingDir = orElse(config.workingDir, image.workingDir);
  if (workingDir !== '' && !workingDir.startsWith('/')) {
    return fail(
      'invalid_argument',
      `the working directory '${workingDir.slice(0, 200)}' is invalid, it needs to be an absolute path`,
    );
  }
  const ports = [...image.exposedPorts, ...(config.exposedPorts ?? [])].map(normalizePort);
  return ok({
    ...command,
    env: mergeEnvironment(image.env, config.env ?? []),
    workingDir,
    user: orElse(config.user, image.user),
    stopSignal,
    hostname: orElse(config.hostname, config.namespaces?.uts === 'host' ? '' : containerId.slice(0, 12)),
    labels: { ...image.labels, ...config.labels },
    exposedPorts: [...new Set(ports)].sort(),
    healthcheck: mergeHealthcheck(config.healthcheck, image.healthcheck),
  });
}

/** Empty means the same as absent. */
function orElse(text: string | undefined, fallback: string): string {
  return text === undefined || text === '' ? fallback : text;
}

/** A new entrypoint makes the image's command void. */
function mergeCommand(
  config: ContainerConfig,
  image: ImageConfig,
): { entrypoint: readonly string[]; cmd: readonly string[] } {
  if (config.entrypoint !== undefined) {
    return { entrypoint: config.entrypoint, cmd: config.cmd ?? [] };
  }
  const cmd = config.cmd === undefined || config.cmd.length === 0 ? image.cmd : config.cmd;
  return { entrypoint: image.entrypoint, cmd };
}

/** Later entries win; `KEY` without a value removes. The order of first appearance is kept. */
export function mergeEnvironment(base: readonly string[], over: readonly string[]): readonly string[] {
  const merged = new Map<string, string>();
  for (const entry of [...base, ...over]) {
    const equals = entry.indexOf('=');
    if (equals === -1) {
      merged.delete(entry);
    } else {
      merged.set(entry.slice(0, equals), entry.slice(equals + 1));
    }
  }
  return [...merged].map(([key, value]) => `${key}=${value}`);
}

function normalizePort(port: string): string {
  return port.includes('/') ? port : `${port}/tcp`;
}

/** `NONE` switches the image's check off; single fields of the container go over the image's. */
function mergeHealthcheck(
  own: HealthcheckConfig | undefined,
  image: ImageConfig['healthcheck'],
): EffectiveHealthcheck | null {
  const test = own !== undefined && own.test.length > 0 ? own.test : (image?.test ?? []);
  if (test.length === 0 || test[0] === 'NONE') {
    return null;
  }
  const pick = (field: keyof typeof HEALTH_DEFAULTS): number => {
    const chosen = own?.[field];
    if (chosen !== undefined && chosen > 0) {
      return chosen;
    }
    const fromImage = image?.[field] ?? 0;
    return fromImage > 0 ? fromImage : HEALTH_DEFAULTS[field];
  };
  return {
    test,
    intervalMs: pick('intervalMs'),
    timeoutMs: pick('timeoutMs'),
    startPeriodMs: pick('startPeriodMs'),
    startIntervalMs: pick('startIntervalMs'),
    retries: pick('retries'),
  };
}
