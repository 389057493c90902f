import { fail, ok, type Result } from '@skep/kernel';
import { z } from 'zod';
import { isDigest, type Digest } from './digest.ts';

const NANOS_PER_MS = 1_000_000;

const strings = z.array(z.string()).nullish();
const emptyObjects = z.record(z.string(), z.unknown()).nullish();

const healthcheckSchema = z.object({
  Test: strings,
  Interval: z.number().nullish(),
  Timeout: z.number().nullish(),
  StartPeriod: z.number().nullish(),
  StartInterval: z.number().nullish(),
  Retries: z.number().nullish(),
});

const containerConfigSchema = z.object({
  User: z.string().nullish(),
  ExposedPorts: emptyObjects,
  Env: strings,
  Entrypoint: strings,
  Cmd: strings,
  Volumes: emptyObjects,
  WorkingDir: z.string().nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
  StopSignal: z.string().nullish(),
  Healthcheck: healthcheckSchema.nullish(),
  Shell: strings,
  OnBuild: strings,
  ArgsEscaped: z.boolean().nullish(),
});

const historySchema = z.object({
  created: z.string().nullish(),
  created_by: z.string().nullish(),
  author: z.string().nullish(),
  comment: z.string().nullish(),
  empty_layer: z.boolean().nullish(),
});

const imageConfigSchema = z.object({
  created: z.string().nullish(),
  author: z.string().nullish(),
  comment: z.string().nullish(),
  architecture: z.string().default(''),
  os: z.string().default('linux'),
  variant: z.string().nullish(),
  config: containerConfigSchema.nullish(),
  rootfs: z.object({
    type: z.string().default('layers'),
    diff_ids: z.array(z.string().refine((text) => isDigest(text), 'not a digest')).nullish(),
  }),
  history: z.array(historySchema).nullish(),
});

/** How an image says its container's health is to be probed. Times in milliseconds; 0 means the default. */
export interface ImageHealthcheckConfig {
  readonly test: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
  readonly retries: number;
}

export interface ImageHistory {
  readonly created: string;
  readonly createdBy: string;
  readonly author: string;
  readonly comment: string;
  readonly isEmptyLayer: boolean;
}

/** An image's configuration with everything absent filled in (OCI image spec, config; Docker's additions). */
export interface ImageConfig {
  readonly created: string;
  readonly author: string;
  readonly comment: string;
  readonly architecture: string;
  readonly os: string;
  readonly variant: string;
  readonly user: string;
  readonly exposedPorts: readonly string[];
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly volumes: readonly string[];
  readonly workingDir: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string;
  readonly healthcheck: ImageHealthcheckConfig | null;
  readonly shell: readonly string[];
  readonly onBuild: readonly string[];
  /** Digests of the unpacked layers, lowest first. */
  readonly diffIds: readonly Digest[];
  readonly history: readonly ImageHistory[];
}

/** Parses an image configuration blob. Unknown members are ignored, null means absent, as with Docker. */
export function parseImageConfig(bytes: Uint8Array): Result<ImageConfig> {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    return fail('invalid_argument', 'the image configuration is not JSON', { cause });
  }
  const parsed = imageConfigSchema.safeParse(document);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return fail(
      'invalid_argument',
      `the image configuration is malformed at ${issue?.path.join('.') ?? 'top'}: ${issue?.message ?? 'unknown'}`,
    );
  }
  return ok(toImageConfig(parsed.data));
}

function toImageConfig(data: z.infer<typeof imageConfigSchema>): ImageConfig {
  const config = data.config ?? {};
  return {
    created: text(data.created),
    author: text(data.author),
    comment: text(data.comment),
    architecture: data.architecture,
    os: data.os,
    variant: text(data.variant),
    user: text(config.User),
    exposedPorts: Object.keys(config.ExposedPorts ?? {}).sort(),
    env: list(config.Env),
    entrypoint: list(config.Entrypoint),
    cmd: list(config.Cmd),
    volumes: Object.keys(config.Volumes ?? {}).sort(),
    workingDir: text(config.WorkingDir),
    labels: config.Labels ?? {},
    stopSignal: text(config.StopSignal),
    healthcheck: toHealthcheck(config.Healthcheck),
    shell: list(config.Shell),
    onBuild: list(config.OnBuild),
    diffIds: list(data.rootfs.diff_ids),
    history: (data.history ?? []).map((entry) => ({
      created: text(entry.created),
      createdBy: text(entry.created_by),
      author: text(entry.author),
      comment: text(entry.comment),
      isEmptyLayer: entry.empty_layer ?? false,
    })),
  };
}

function text(value: string | null | undefined): string {
  return value ?? '';
}

function list(value: readonly string[] | null | undefined): readonly string[] {
  return value ?? [];
}

function toHealthcheck(
  raw: z.infer<typeof healthcheckSchema> | null | undefined,
): ImageHealthcheckConfig | null {
  if (
    raw === null ||
    raw === undefined ||
    raw.Test === null ||
    raw.Test === undefined ||
    raw.Test.length === 0
  ) {
    return null;
  }
  const ms = (nanos: number | null | undefined): number => Math.round((nanos ?? 0) / NANOS_PER_MS);
  return {
    test: raw.Test,
    intervalMs: ms(raw.Interval),
    timeoutMs: ms(raw.Timeout),
    startPeriodMs: ms(raw.StartPeriod),
    startIntervalMs: ms(raw.StartInterval),
    retries: raw.Retries ?? 0,
  };
}

/** An image configuration as JSON, ready to be stored as a blob. The reverse of {@link parseImageConfig}. */
export function renderImageConfig(config: ImageConfig): string {
  const empty = (keys: readonly string[]): Record<string, object> | undefined =>
    keys.length === 0 ? undefined : Object.fromEntries(keys.map((key) => [key, {}]));
  const some = (items: readonly string[]): readonly string[] | undefined =>
    items.length === 0 ? undefined : items;
  const filled = (value: string): string | undefined => (value === '' ? undefined : value);
  return JSON.stringify({
    created: filled(config.created),
    author: filled(config.author),
    comment: filled(config.comment),
    architecture: config.architecture,
    variant: filled(config.variant),
    os: config.os,
    config: {
      User: filled(config.user),
      ExposedPorts: empty(config.exposedPorts),
      Env: some(config.env),
      Entrypoint: some(config.entrypoint),
      Cmd: some(config.cmd),
      Volumes: empty(config.volumes),
      WorkingDir: filled(config.workingDir),
      Labels: Object.keys(config.labels).length === 0 ? undefined : config.labels,
      StopSignal: filled(config.stopSignal),
      Healthcheck: renderHealthcheck(config.healthcheck),
      Shell: some(config.shell),
      OnBuild: some(config.onBuild),
    },
    rootfs: { type: 'layers', diff_ids: config.diffIds },
    history: config.history.map((entry) => ({
      created: filled(entry.created),
      created_by: filled(entry.createdBy),
      author: filled(entry.author),
      comment: filled(entry.comment),
      empty_layer: entry.isEmptyLayer ? true : undefined,
    })),
  });
}

function renderHealthcheck(check: ImageHealthcheckConfig | null): object | undefined {
  if (check === null) {
    return undefined;
  }
  const nanos = (ms: number): number | undefined => (ms === 0 ? undefined : ms * NANOS_PER_MS);
  return {
    Test: check.test,
    Interval: nanos(check.intervalMs),
    Timeout: nanos(check.timeoutMs),
    StartPeriod: nanos(check.startPeriodMs),
    StartInterval: nanos(check.startIntervalMs),
    Retries: check.retries === 0 ? undefined : check.retries,
  };
}
