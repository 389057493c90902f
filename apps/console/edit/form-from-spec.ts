import type { ServiceSpec } from '@skep/model';

import { isEqual } from './patch.ts';
import { UPDATE_PRESETS } from './service-form.ts';
import type { PayloadLine, ServiceForm } from './service-form.ts';

function quoteWord(word: string): string {
  return word !== '' && /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

function bytesText(bytes: number | undefined): string {
  if (bytes === undefined) {
    return '';
  }
  const units = ['G', 'M', 'K'] as const;
  for (const [at, unit] of units.entries()) {
    const size = 1024 ** (units.length - at);
    if (bytes >= size && bytes % size === 0) {
      return `${String(bytes / size)}${unit}`;
    }
  }
  return String(bytes);
}

function durationText(nanoseconds: number | undefined): string {
  if (nanoseconds === undefined) {
    return '';
  }
  return nanoseconds % 1e9 === 0 ? `${String(nanoseconds / 1e9)}s` : `${String(nanoseconds / 1e6)}ms`;
}

function cpusText(nanos: number | undefined): string {
  return nanos === undefined ? '' : String(nanos / 1e9);
}

function updateOf(update: ServiceSpec['update']): ServiceForm['update'] {
  if (update === undefined) {
    return 'balanced';
  }
  const found = (['careful', 'fast'] as const).find((name) => isEqual(UPDATE_PRESETS[name], update));
  return found ?? 'custom';
}

function containerForm(container: ServiceSpec['task']['container']) {
  const { healthcheck } = container;
  const isShell = healthcheck?.test?.[0] === 'CMD-SHELL';
  const payload = (id: string, name: string, target: string): PayloadLine => ({ id, name, target });
  return {
    image: container.image,
    env: (container.env ?? []).join('\n'),
    mounts: (container.mounts ?? []).map((mount) => ({
      type: mount.type,
      source: mount.source ?? '',
      target: mount.target,
      readOnly: mount.readOnly ?? false,
    })),
    secrets: (container.secrets ?? []).map((each) => payload(each.secretId, each.secretName, each.file.name)),
    configs: (container.configs ?? []).map((each) => payload(each.configId, each.configName, each.file.name)),
    healthCommand: isShell ? (healthcheck.test ?? []).slice(1).join(' ') : '',
    healthInterval: isShell ? durationText(healthcheck.intervalNs) : '',
    healthRetries: isShell && healthcheck.retries !== undefined ? String(healthcheck.retries) : '',
    command: (container.command ?? []).map(quoteWord).join(' '),
    args: (container.args ?? []).map(quoteWord).join(' '),
    user: container.user ?? '',
  };
}

/**
 * A spec as people edit it. What has no field here is not lost: a change is sent as the difference of two forms
 * (`diffPatch`), so that it never speaks of what it does not show.
 */
export function fromSpec(spec: ServiceSpec, networkName: (target: string) => string): ServiceForm {
  const { resources, placement, restart, networks } = spec.task;
  return {
    ...containerForm(spec.task.container),
    name: spec.name,
    mode: spec.mode.type === 'global' ? 'global' : 'replicated',
    replicas: spec.mode.type === 'replicated' ? spec.mode.replicas : 1,
    ports: (spec.endpoint?.ports ?? []).map((port) => ({
      published:
        port.publishedPort === undefined || port.publishedPort === 0 ? '' : String(port.publishedPort),
      target: String(port.targetPort),
      protocol: port.protocol === 'udp' ? 'udp' : 'tcp',
      mode: port.publishMode,
    })),
    cpuReserved: cpusText(resources?.reservations?.nanoCpus),
    memoryReserved: bytesText(resources?.reservations?.memoryBytes),
    cpuLimit: cpusText(resources?.limits?.nanoCpus),
    memoryLimit: bytesText(resources?.limits?.memoryBytes),
    networks: (networks ?? []).map(({ target }) => networkName(target)),
    constraints: (placement?.constraints ?? []).join('\n'),
    update: updateOf(spec.update),
    restart: restart?.condition ?? 'any',
    labels: Object.entries(spec.labels ?? {})
      .map(([key, value]) => (value === '' ? key : `${key}=${value}`))
      .join('\n'),
  };
}
