import type { ServiceSpec } from '@skep/model';

import { parseBytes, parseDurationNs, splitWords } from './command-line.ts';

export interface PortLine {
  readonly published: string;
  readonly target: string;
  readonly protocol: 'tcp' | 'udp';
  readonly mode: 'ingress' | 'host';
}

export interface MountLine {
  readonly type: 'volume' | 'bind' | 'tmpfs';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface PayloadLine {
  readonly id: string;
  readonly name: string;
  readonly target: string;
}

/** The deploy form as people fill it in: text, so that half-typed values are never lost or corrected away. */
export interface ServiceForm {
  readonly image: string;
  readonly name: string;
  readonly mode: 'replicated' | 'global';
  readonly replicas: number;
  readonly ports: readonly PortLine[];
  /** `NAME=value` per line, as in a .env file. */
  readonly env: string;
  readonly cpuReserved: string;
  readonly memoryReserved: string;
  readonly cpuLimit: string;
  readonly memoryLimit: string;
  readonly networks: readonly string[];
  readonly mounts: readonly MountLine[];
  readonly secrets: readonly PayloadLine[];
  readonly configs: readonly PayloadLine[];
  readonly constraints: string;
  readonly healthCommand: string;
  readonly healthInterval: string;
  readonly healthRetries: string;
  readonly command: string;
  readonly args: string;
  readonly user: string;
  /** `custom`: a policy no name stands for; it is left as it is. */
  readonly update: 'careful' | 'balanced' | 'fast' | 'custom';
  readonly restart: 'any' | 'on-failure' | 'none';
  readonly labels: string;
}

export const EMPTY_FORM: ServiceForm = {
  image: '',
  name: '',
  mode: 'replicated',
  replicas: 1,
  ports: [],
  env: '',
  cpuReserved: '',
  memoryReserved: '',
  cpuLimit: '',
  memoryLimit: '',
  networks: [],
  mounts: [],
  secrets: [],
  configs: [],
  constraints: '',
  healthCommand: '',
  healthInterval: '',
  healthRetries: '',
  command: '',
  args: '',
  user: '',
  update: 'balanced',
  restart: 'any',
  labels: '',
};

export type FormField = keyof ServiceForm;

/** A field that cannot be used; `code` is a key of the messages. */
export interface FormError {
  readonly field: FormField;
  readonly code:
    | 'missing'
    | 'bytes'
    | 'cpus'
    | 'duration'
    | 'port'
    | 'target'
    | 'envLine'
    | 'envTwice'
    | 'labelLine'
    | 'number';
  readonly detail: string;
}

/** Update policies by name (console.md 9.2). */
export const UPDATE_PRESETS: Readonly<
  Record<Exclude<ServiceForm['update'], 'custom'>, NonNullable<ServiceSpec['update']>>
> = {
  careful: {
    parallelism: 1,
    delayNs: 10e9,
    monitorNs: 30e9,
    order: 'start-first',
    failureAction: 'rollback',
  },
  balanced: { parallelism: 1, monitorNs: 5e9, order: 'stop-first', failureAction: 'pause' },
  fast: { parallelism: 0, monitorNs: 5e9, order: 'start-first', failureAction: 'pause' },
};

/** The name an image suggests: its last path segment without tag, made valid. */
export function nameFromImage(image: string): string {
  const path = image.trim().replace(/@.*$/, '');
  const last = path.slice(path.lastIndexOf('/') + 1).replace(/:.*$/, '');
  return last
    .replace(/[^a-zA-Z0-9-_.]+/g, '-')
    .replace(/^[-_.]+|[-_.]+$/g, '')
    .slice(0, 63);
}

function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

interface Parsed<T> {
  readonly value: T;
  readonly errors: readonly FormError[];
}

function parseEnv(text: string): Parsed<readonly string[]> {
  const errors: FormError[] = [];
  const seen = new Set<string>();
  const entries: string[] = [];
  for (const line of linesOf(text)) {
    const match = /^(?:export\s+)?([A-Za-z_][\w.-]*)=(.*)$/.exec(line);
    const [, name, raw] = match ?? [];
    if (name === undefined || raw === undefined) {
      errors.push({ field: 'env', code: 'envLine', detail: line });
      continue;
    }
    if (seen.has(name)) {
      errors.push({ field: 'env', code: 'envTwice', detail: name });
    }
    seen.add(name);
    entries.push(`${name}=${raw.replace(/^(["'])(.*)\1$/, '$2')}`);
  }
  return { value: entries, errors };
}

function parseLabels(text: string): Parsed<Readonly<Record<string, string>>> {
  const errors: FormError[] = [];
  const labels: Record<string, string> = {};
  for (const line of linesOf(text)) {
    const at = line.indexOf('=');
    if (at === 0) {
      errors.push({ field: 'labels', code: 'labelLine', detail: line });
    } else {
      labels[at < 0 ? line : line.slice(0, at)] = at < 0 ? '' : line.slice(at + 1);
    }
  }
  return { value: labels, errors };
}

type PortConfigs = NonNullable<NonNullable<ServiceSpec['endpoint']>['ports']>;

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

function parsePorts(lines: readonly PortLine[]): Parsed<PortConfigs> {
  const errors: FormError[] = [];
  const ports: PortConfigs = [];
  for (const line of lines) {
    if (line.published.trim() === '' && line.target.trim() === '') {
      continue;
    }
    const target = line.target.trim() === '' ? line.published.trim() : line.target.trim();
    if (!isPort(target) || (line.published.trim() !== '' && !isPort(line.published.trim()))) {
      errors.push({ field: 'ports', code: 'port', detail: `${line.published}:${line.target}` });
      continue;
    }
    ports.push({
      protocol: line.protocol,
      targetPort: Number(target),
      ...(line.published.trim() === '' ? {} : { publishedPort: Number(line.published.trim()) }),
      publishMode: line.mode,
    });
  }
  return { value: ports, errors };
}

class Reader {
  readonly errors: FormError[] = [];

  cpus(field: FormField, text: string): number | undefined {
    const trimmed = text.trim();
    if (trimmed === '') {
      return undefined;
    }
    const value = Number(trimmed.replace(',', '.'));
    if (!Number.isFinite(value) || value <= 0) {
      this.errors.push({ field, code: 'cpus', detail: trimmed });
      return undefined;
    }
    return Math.round(value * 1e9);
  }

  bytes(field: FormField, text: string): number | undefined {
    const value = text.trim() === '' ? undefined : parseBytes(text);
    if (text.trim() !== '' && value === undefined) {
      this.errors.push({ field, code: 'bytes', detail: text.trim() });
    }
    return value;
  }

  duration(field: FormField, text: string): number | undefined {
    const value = text.trim() === '' ? undefined : parseDurationNs(text);
    if (text.trim() !== '' && value === undefined) {
      this.errors.push({ field, code: 'duration', detail: text.trim() });
    }
    return value;
  }

  count(field: FormField, text: string): number | undefined {
    if (text.trim() === '') {
      return undefined;
    }
    if (!/^\d+$/.test(text.trim())) {
      this.errors.push({ field, code: 'number', detail: text.trim() });
      return undefined;
    }
    return Number(text.trim());
  }
}

function resourcesOf(
  form: ServiceForm,
  reader: Reader,
): NonNullable<ServiceSpec['task']['resources']> | undefined {
  const reservations = {
    nanoCpus: reader.cpus('cpuReserved', form.cpuReserved),
    memoryBytes: reader.bytes('memoryReserved', form.memoryReserved),
  };
  const limits = {
    nanoCpus: reader.cpus('cpuLimit', form.cpuLimit),
    memoryBytes: reader.bytes('memoryLimit', form.memoryLimit),
  };
  const has = (part: typeof limits) => part.nanoCpus !== undefined || part.memoryBytes !== undefined;
  if (!has(reservations) && !has(limits)) {
    return undefined;
  }
  return withoutUndefined({
    reservations: has(reservations) ? withoutUndefined(reservations) : undefined,
    limits: has(limits) ? withoutUndefined(limits) : undefined,
  });
}

/** Absent and undefined are not the same in a spec: undefined must not be sent. */
function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function payloadFile(line: PayloadLine, mode: number) {
  return { name: line.target.trim() === '' ? line.name : line.target.trim(), uid: '0', gid: '0', mode };
}

function containerOf(
  form: ServiceForm,
  env: readonly string[],
  reader: Reader,
): ServiceSpec['task']['container'] {
  const interval = reader.duration('healthInterval', form.healthInterval);
  const retries = reader.count('healthRetries', form.healthRetries);
  const mounts = form.mounts
    .filter((mount) => mount.target.trim() !== '')
    .map((mount) => ({
      type: mount.type,
      ...(mount.type === 'tmpfs' || mount.source.trim() === '' ? {} : { source: mount.source.trim() }),
      target: mount.target.trim(),
      ...(mount.readOnly ? { readOnly: true } : {}),
    }));
  for (const mount of form.mounts) {
    const isBlank = mount.target.trim() === '' && mount.source.trim() === '';
    if (!isBlank && !mount.target.trim().startsWith('/')) {
      reader.errors.push({ field: 'mounts', code: 'target', detail: mount.target });
    }
  }
  return {
    image: form.image.trim(),
    ...(env.length === 0 ? {} : { env: [...env] }),
    ...(form.command.trim() === '' ? {} : { command: [...splitWords(form.command)] }),
    ...(form.args.trim() === '' ? {} : { args: [...splitWords(form.args)] }),
    ...(form.user.trim() === '' ? {} : { user: form.user.trim() }),
    ...(form.healthCommand.trim() === ''
      ? {}
      : {
          healthcheck: {
            test: ['CMD-SHELL', form.healthCommand.trim()],
            ...(interval === undefined ? {} : { intervalNs: interval }),
            ...(retries === undefined ? {} : { retries }),
          },
        }),
    ...(mounts.length === 0 ? {} : { mounts }),
    ...(form.secrets.length === 0
      ? {}
      : {
          secrets: form.secrets.map((line) => ({
            secretId: line.id,
            secretName: line.name,
            file: payloadFile(line, 0o444),
          })),
        }),
    ...(form.configs.length === 0
      ? {}
      : {
          configs: form.configs.map((line) => ({
            configId: line.id,
            configName: line.name,
            file: payloadFile(line, 0o444),
          })),
        }),
  };
}

/** The spec a form stands for, and what is wrong with it. Only what was filled in is sent: the rest takes its default. */
export function toSpec(form: ServiceForm): {
  readonly spec: ServiceSpec;
  readonly errors: readonly FormError[];
} {
  const reader = new Reader();
  const env = parseEnv(form.env);
  const labels = parseLabels(form.labels);
  const ports = parsePorts(form.ports);
  const resources = resourcesOf(form, reader);
  const constraints = linesOf(form.constraints);
  if (form.image.trim() === '') {
    reader.errors.push({ field: 'image', code: 'missing', detail: '' });
  }
  const name = form.name.trim() === '' ? nameFromImage(form.image) : form.name.trim();
  if (name === '' && form.image.trim() !== '') {
    reader.errors.push({ field: 'name', code: 'missing', detail: '' });
  }
  const spec: ServiceSpec = {
    name,
    ...(Object.keys(labels.value).length === 0 ? {} : { labels: labels.value }),
    task: {
      container: containerOf(form, env.value, reader),
      ...(resources === undefined ? {} : { resources }),
      ...(form.restart === 'any' ? {} : { restart: { condition: form.restart } }),
      ...(constraints.length === 0 ? {} : { placement: { constraints: [...constraints] } }),
      ...(form.networks.length === 0 ? {} : { networks: form.networks.map((target) => ({ target })) }),
    },
    mode: form.mode === 'global' ? { type: 'global' } : { type: 'replicated', replicas: form.replicas },
    ...(form.update === 'balanced' || form.update === 'custom'
      ? {}
      : { update: UPDATE_PRESETS[form.update] }),
    ...(ports.value.length === 0 ? {} : { endpoint: { ports: ports.value } }),
  };
  return { spec, errors: [...reader.errors, ...env.errors, ...labels.errors, ...ports.errors] };
}

const FIELD_PATHS: readonly (readonly [prefix: string, field: FormField])[] = [
  ['task.container.image', 'image'],
  ['name', 'name'],
  ['mode', 'replicas'],
  ['endpoint.ports', 'ports'],
  ['task.container.env', 'env'],
  ['task.resources.reservations.nanoCpus', 'cpuReserved'],
  ['task.resources.reservations', 'memoryReserved'],
  ['task.resources.limits.nanoCpus', 'cpuLimit'],
  ['task.resources.limits', 'memoryLimit'],
  ['task.networks', 'networks'],
  ['task.container.mounts', 'mounts'],
  ['task.container.secrets', 'secrets'],
  ['task.container.configs', 'configs'],
  ['task.placement', 'constraints'],
  ['task.container.healthcheck', 'healthCommand'],
  ['task.container.command', 'command'],
  ['task.container.args', 'args'],
  ['task.container.user', 'user'],
  ['update', 'update'],
  ['task.restart', 'restart'],
  ['labels', 'labels'],
];

/** The field of the form that a JSON path of the spec belongs to, as managers name it in field errors. */
export function fieldOfPath(path: string): FormField | undefined {
  const plain = path.replace(/^spec\./, '');
  return FIELD_PATHS.find(
    ([prefix]) => plain === prefix || plain.startsWith(`${prefix}.`) || plain.startsWith(`${prefix}[`),
  )?.[1];
}
