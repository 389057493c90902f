import { z } from 'zod';

import { DurationNs, Labels } from './meta.ts';

const AbsolutePath = z.string().regex(/^\//, 'must be an absolute path').max(4096);

export const Mount = z
  .strictObject({
    type: z.enum(['bind', 'volume', 'tmpfs']),
    /** Host path of a bind, name of a volume; absent for an anonymous volume and for tmpfs. */
    source: z.string().max(4096).optional(),
    target: AbsolutePath,
    readOnly: z.boolean().optional(),
    consistency: z.string().optional(),
    bind: z
      .strictObject({
        propagation: z.string().optional(),
        nonRecursive: z.boolean().optional(),
        createMountpoint: z.boolean().optional(),
      })
      .optional(),
    volume: z
      .strictObject({
        noCopy: z.boolean().optional(),
        labels: Labels.optional(),
        driver: z
          .strictObject({ name: z.string(), options: z.record(z.string(), z.string()).optional() })
          .optional(),
        subpath: z.string().optional(),
      })
      .optional(),
    tmpfs: z
      .strictObject({ sizeBytes: z.int().nonnegative().optional(), mode: z.int().nonnegative().optional() })
      .optional(),
  })
  .refine((mount) => mount.type !== 'bind' || (mount.source !== undefined && mount.source.startsWith('/')), {
    path: ['source'],
    message: 'a bind mount needs an absolute host path as source',
  })
  .refine((mount) => mount.type !== 'tmpfs' || mount.source === undefined || mount.source === '', {
    path: ['source'],
    message: 'a tmpfs mount has no source',
  });
export type Mount = z.infer<typeof Mount>;

/** Where the content of a secret or config appears inside the container. */
export const FileTarget = z.strictObject({
  name: z.string().min(1).max(4096),
  uid: z.string(),
  gid: z.string(),
  mode: z.int().min(0).max(0o7777),
});
export type FileTarget = z.infer<typeof FileTarget>;

export const SecretReference = z.strictObject({
  secretId: z.string(),
  secretName: z.string(),
  file: FileTarget,
});
export type SecretReference = z.infer<typeof SecretReference>;

export const ConfigReference = z.strictObject({
  configId: z.string(),
  configName: z.string(),
  file: FileTarget,
});
export type ConfigReference = z.infer<typeof ConfigReference>;

export const Healthcheck = z.strictObject({
  /** `['NONE']`, `['CMD', ...argv]` or `['CMD-SHELL', command]`; empty inherits from the image. */
  test: z.array(z.string()).optional(),
  intervalNs: DurationNs.optional(),
  timeoutNs: DurationNs.optional(),
  startPeriodNs: DurationNs.optional(),
  startIntervalNs: DurationNs.optional(),
  retries: z.int().nonnegative().optional(),
});
export type Healthcheck = z.infer<typeof Healthcheck>;

export const Ulimit = z.strictObject({ name: z.string(), soft: z.int(), hard: z.int() });

/** What runs in a task's container. Absent fields take the image's or the engine's default when the task starts. */
export const ContainerSpec = z.strictObject({
  image: z.string().min(1, 'image must be provided').max(1024),
  labels: Labels.optional(),
  /** Replaces the image's ENTRYPOINT. */
  command: z.array(z.string()).max(1024).optional(),
  /** Replaces the image's CMD. */
  args: z.array(z.string()).max(1024).optional(),
  hostname: z.string().max(255).optional(),
  env: z.array(z.string().min(1)).max(4096).optional(),
  dir: z.string().optional(),
  user: z.string().optional(),
  groups: z.array(z.string()).max(256).optional(),
  tty: z.boolean().optional(),
  openStdin: z.boolean().optional(),
  readOnly: z.boolean().optional(),
  stopSignal: z.string().optional(),
  stopGracePeriodNs: DurationNs.optional(),
  healthcheck: Healthcheck.optional(),
  mounts: z.array(Mount).max(256).optional(),
  hosts: z.array(z.string()).max(1024).optional(),
  dns: z
    .strictObject({
      nameservers: z.array(z.string()).max(64).optional(),
      search: z.array(z.string()).max(64).optional(),
      options: z.array(z.string()).max(64).optional(),
    })
    .optional(),
  secrets: z.array(SecretReference).max(512).optional(),
  configs: z.array(ConfigReference).max(512).optional(),
  init: z.boolean().optional(),
  sysctls: z.record(z.string(), z.string()).optional(),
  capabilityAdd: z.array(z.string()).max(64).optional(),
  capabilityDrop: z.array(z.string()).max(64).optional(),
  ulimits: z.array(Ulimit).max(64).optional(),
  /** Docker's `Privileges`, kept as it came: SELinux, seccomp and AppArmor choices, no-new-privileges. */
  privileges: z
    .strictObject({
      noNewPrivileges: z.boolean().optional(),
      seccomp: z
        .strictObject({ mode: z.enum(['default', 'unconfined', 'custom']), profile: z.string().optional() })
        .optional(),
      appArmor: z.strictObject({ mode: z.enum(['default', 'disabled']) }).optional(),
      seLinux: z
        .strictObject({
          disable: z.boolean().optional(),
          user: z.string().optional(),
          role: z.string().optional(),
          type: z.string().optional(),
          level: z.string().optional(),
        })
        .optional(),
    })
    .optional(),
  isolation: z.string().optional(),
});
export type ContainerSpec = z.infer<typeof ContainerSpec>;
