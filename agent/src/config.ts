import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { z } from 'zod';

import { SwarmError, errorMessage } from '@skep/kernel';
import { DEFAULT_DOMAIN } from '@skep/oci';

/** Build shown to clients; the release build replaces it. */
export const PRODUCT_VERSION = process.env['SKEP_BUILD'] ?? '0.1.0';

const OPTIONS = {
  'data-root': { type: 'string' },
  'run-root': { type: 'string' },
  hostname: { type: 'string' },
  'advertise-addr': { type: 'string' },
  'data-path-addr': { type: 'string' },
  'listen-addr': { type: 'string' },
  'api-addr': { type: 'string' },
  'cgroup-parent': { type: 'string' },
  'manager-bin': { type: 'string' },
  'manager-user': { type: 'string' },
  'console-dir': { type: 'string' },
  'database-url': { type: 'string' },
  'no-database': { type: 'boolean' },
  'socket-group': { type: 'string' },
  'insecure-registry': { type: 'string', multiple: true },
  'registry-mirror': { type: 'string', multiple: true },
  'registry-certs': { type: 'string' },
  dns: { type: 'string', multiple: true },
  label: { type: 'string', multiple: true },
  'parallel-starts': { type: 'string' },
  'image-gc': { type: 'string' },
  'userns-remap': { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const;

/** Printed by `swarmd --help`. */
export const USAGE = `swarmd: container engine and swarm agent of one host (runs as root)

  --data-root DIR            state that outlives a reboot (/var/lib/skep)
  --run-root DIR             sockets and pid files (/run/skep)
  --hostname NAME            name this node shows (the host's own)
  --advertise-addr IP|IFACE  default of init and join: where other nodes reach this one
  --data-path-addr IP|IFACE  default of init and join: where VXLAN traffic goes
  --listen-addr HOST:PORT    manager port (0.0.0.0:2377)
  --api-addr HOST:PORT       console and REST API (0.0.0.0:8377)
  --cgroup-parent PATH       cgroup that holds all containers (/skep)
  --manager-bin FILE         program of the manager
  --manager-user NAME        unprivileged user it runs as (skep, else nobody)
  --console-dir DIR          static files of the console
  --database-url URL         external PostgreSQL of the history; --no-database: none
  --socket-group NAME        group that may use the sockets (skep, when there is one)
  --insecure-registry HOST   registry without TLS (repeat)
  --registry-mirror URL      asked before Docker Hub; DOMAIN=URL: before another registry (repeat)
  --registry-certs DIR       authorities of registries: DIR/<host:port>/*.crt (/etc/docker/certs.d)
  --dns IP                   resolver for containers instead of the host's (repeat)
  --label KEY=VALUE          label of this engine (repeat)
  --parallel-starts N        containers started at one time (6)
  --image-gc HIGH:LOW|off    use of the disk in percent at which unused images begin and cease to be removed (90:80)
  --userns-remap NAME        root of containers is a subordinate user of default, USER[:GROUP] or UID[:GID]
  --log-level LEVEL          debug, info, warn or error (info)
`;

const HostPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^:[\]]*):\d{1,5}$/, 'must be HOST:PORT')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'port is over 65535');
const WATERMARKS = /^(\d{1,3}):(\d{1,3})$/;
const MIRROR = /^(?:([a-zA-Z0-9.:[\]-]+)=)?(https?:\/\/[^/?#@=\s]+)\/?$/;
const AbsolutePath = z.string().regex(/^\//, 'must be an absolute path');

const Flags = z.strictObject({
  'data-root': AbsolutePath.default('/var/lib/skep'),
  'run-root': AbsolutePath.max(80, 'is too long for unix sockets inside it').default('/run/skep'),
  hostname: z
    .string()
    .regex(/^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?$/, 'must be a host name')
    .optional(),
  'advertise-addr': z.string().optional(),
  'data-path-addr': z.string().optional(),
  'listen-addr': HostPort.default('0.0.0.0:2377'),
  'api-addr': HostPort.default('0.0.0.0:8377'),
  'cgroup-parent': AbsolutePath.default('/skep'),
  'manager-bin': AbsolutePath.optional(),
  'manager-user': z.string().optional(),
  'console-dir': AbsolutePath.optional(),
  'database-url': z.string().optional(),
  'no-database': z.boolean().optional(),
  'socket-group': z.string().optional(),
  'insecure-registry': z.array(z.string()).default([]),
  'registry-mirror': z
    .array(z.string().regex(MIRROR, 'must be URL or DOMAIN=URL, the URL without a path'))
    .default([]),
  'registry-certs': AbsolutePath.default('/etc/docker/certs.d'),
  dns: z.array(z.union([z.ipv4(), z.ipv6()])).default([]),
  label: z.array(z.string().regex(/^[^=]+=/, 'must be KEY=VALUE')).default([]),
  'parallel-starts': z.coerce.number().int().min(1).max(64).default(6),
  'image-gc': z
    .string()
    .default('90:80')
    .refine(
      (text) => text === 'off' || areWatermarks(text),
      'must be off or HIGH:LOW, with 0 < LOW < HIGH <= 100',
    ),
  'userns-remap': z
    .string()
    .regex(/^[^:\s]+(:[^:\s]+)?$/, 'must be default, user[:group] or uid[:gid]')
    .optional(),
  'log-level': z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  help: z.boolean().optional(),
  version: z.boolean().optional(),
});

function areWatermarks(text: string): boolean {
  const { highPercent, lowPercent } = parseWatermarks(text);
  return lowPercent > 0 && lowPercent < highPercent && highPercent <= 100;
}

/** `off` gives 0, at which nothing is collected. */
function parseWatermarks(text: string): AgentConfig['imageGc'] {
  const [, high = '0', low = '0'] = WATERMARKS.exec(text) ?? [];
  return { highPercent: Number(high), lowPercent: Number(low) };
}

/** The settings of one swarmd. All paths derive from the two roots. */
export interface AgentConfig {
  readonly dataRoot: string;
  readonly runRoot: string;
  readonly hostname: string;
  readonly advertiseAddr: string | undefined;
  readonly dataPathAddr: string | undefined;
  readonly listenAddr: string;
  readonly apiAddr: string;
  readonly cgroupParent: string;
  readonly managerBin: string | undefined;
  readonly managerUser: string | undefined;
  readonly consoleDir: string | undefined;
  readonly databaseUrl: string | undefined;
  readonly hasDatabase: boolean;
  readonly socketGroup: string | undefined;
  readonly insecureRegistries: readonly string[];
  /** Registry domain -> URLs that are asked first, in order. */
  readonly registryMirrors: Readonly<Record<string, readonly string[]>>;
  readonly registryCertificates: string;
  readonly dns: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly parallelStarts: number;
  /** Use of the data root's disk, in percent, at which images begin and cease to be removed; 0: never. */
  readonly imageGc: { readonly highPercent: number; readonly lowPercent: number };
  /** Whose subordinate ids containers get; undefined: they share the host's users. */
  readonly usernsRemap: string | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

export type CommandLine =
  | { readonly kind: 'run'; readonly config: AgentConfig }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' };

function parseFlags(args: readonly string[]): z.infer<typeof Flags> {
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({ args: [...args], options: OPTIONS, strict: true }));
  } catch (error) {
    throw new SwarmError('invalid_argument', errorMessage(error), { cause: error });
  }
  const parsed = Flags.safeParse(values);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const flag = String(issue?.path[0] ?? '');
    const given = JSON.stringify(values[flag]);
    throw new SwarmError('invalid_argument', `--${flag} ${given}: ${issue?.message ?? 'is not valid'}`);
  }
  return parsed.data;
}

function parseLabels(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

function parseMirrors(texts: readonly string[]): Record<string, string[]> {
  const mirrors: Record<string, string[]> = {};
  for (const text of texts) {
    const [, domain = DEFAULT_DOMAIN, url = ''] = MIRROR.exec(text) ?? [];
    (mirrors[domain] ??= []).push(url);
  }
  return mirrors;
}

/** Reads the command line. @throws SwarmError `invalid_argument` naming the flag that is wrong. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const flags = parseFlags(args);
  if (flags.help === true) {
    return { kind: 'help' };
  }
  if (flags.version === true) {
    return { kind: 'version' };
  }
  return {
    kind: 'run',
    config: {
      dataRoot: flags['data-root'],
      runRoot: flags['run-root'],
      hostname: flags.hostname ?? hostname(),
      advertiseAddr: flags['advertise-addr'],
      dataPathAddr: flags['data-path-addr'],
      listenAddr: flags['listen-addr'],
      apiAddr: flags['api-addr'],
      cgroupParent: flags['cgroup-parent'],
      managerBin: flags['manager-bin'],
      managerUser: flags['manager-user'],
      consoleDir: flags['console-dir'],
      databaseUrl: flags['database-url'],
      hasDatabase: flags['no-database'] !== true,
      socketGroup: flags['socket-group'],
      insecureRegistries: flags['insecure-registry'],
      registryMirrors: parseMirrors(flags['registry-mirror']),
      registryCertificates: flags['registry-certs'],
      dns: flags.dns,
      labels: parseLabels(flags.label),
      parallelStarts: flags['parallel-starts'],
      imageGc: parseWatermarks(flags['image-gc']),
      usernsRemap: flags['userns-remap'],
      logLevel: flags['log-level'],
    },
  };
}

/** Files and folders of one swarmd. */
export interface AgentPaths {
  readonly nodeDir: string;
  readonly raftDir: string;
  readonly postgresDir: string;
  readonly workerDatabase: string;
  readonly logDir: string;
  readonly pidFile: string;
  readonly apiSocket: string;
  readonly dockerSocket: string;
  readonly managerRunDir: string;
  readonly managerSocket: string;
  readonly managerPidFile: string;
}

export function agentPaths(config: Pick<AgentConfig, 'dataRoot' | 'runRoot'>): AgentPaths {
  const { dataRoot, runRoot } = config;
  return {
    nodeDir: join(dataRoot, 'node'),
    raftDir: join(dataRoot, 'raft'),
    postgresDir: join(dataRoot, 'postgres'),
    workerDatabase: join(dataRoot, 'worker', 'worker.db'),
    logDir: join(dataRoot, 'log'),
    pidFile: join(runRoot, 'swarmd.pid'),
    apiSocket: join(runRoot, 'skep.sock'),
    dockerSocket: join(runRoot, 'docker.sock'),
    managerRunDir: join(runRoot, 'manager'),
    managerSocket: join(runRoot, 'manager', 'manager.sock'),
    managerPidFile: join(runRoot, 'manager', 'manager.pid'),
  };
}
