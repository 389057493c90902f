import { hostname } from 'node:os';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { SwarmError } from '@skep/kernel';

/** Build shown to clients; the release build replaces it. */
export const BUILD = process.env['SKEP_BUILD'] ?? '0.1.0-dev';

export interface ManagerConfig {
  readonly dataRoot: string;
  readonly runRoot: string;
  readonly hostname: string;
  /** IP address other hosts reach this one by. */
  readonly advertiseIp: string;
  /** The same with the manager port: `ip:2377`. */
  readonly advertiseAddr: string;
  /** host:port of the manager port, 2377. */
  readonly listenAddr: string;
  /** host:port of console and REST, 8377. */
  readonly apiAddr: string;
  /** Plain HTTP: only on loopback. */
  readonly isApiPlain: boolean;
  readonly consoleDir: string | undefined;
  readonly consolePrevDir: string | undefined;
  /** Local socket; whoever can open it is an administrator. */
  readonly socketPath: string;
  readonly databaseUrl: string | undefined;
  readonly databaseMode: 'embedded' | 'external' | 'off';
  readonly postgresDir: string;
  readonly postgresRunDir: string;
  /**
   * `init` begins a new cluster, `join` joins through the managers named, `run` goes on with what is on disk, `force`
   * does so as the only manager that is left, `restore` begins with a backup that comes over the local socket.
   */
  readonly start:
    | { readonly mode: 'run' | 'force' | 'restore' }
    | { readonly mode: 'init' }
    | { readonly mode: 'join'; readonly managers: readonly string[] };
  readonly logLevel: string;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port`, `[v6]:port` or `:port`; port 0 leaves the choice to the system. @throws SwarmError `invalid_argument` naming the flag. */
export function parseHostPort(flag: string, text: string): HostPort {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new SwarmError('invalid_argument', `--${flag} "${text}" must be <host>:<port>`);
  }
  const host = match[1] ?? match[2] ?? '';
  return { host: host === '' ? '0.0.0.0' : host, port };
}

/** Whether an address is reachable from this host only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

const OPTIONS = {
  'data-root': { type: 'string', default: '/var/lib/skep' },
  'run-root': { type: 'string', default: '/run/skep' },
  hostname: { type: 'string' },
  'advertise-addr': { type: 'string' },
  'listen-addr': { type: 'string', default: '0.0.0.0:2377' },
  'api-addr': { type: 'string', default: '0.0.0.0:8377' },
  'console-dir': { type: 'string' },
  'console-prev-dir': { type: 'string' },
  'database-url': { type: 'string' },
  'no-database': { type: 'boolean', default: false },
  bootstrap: { type: 'boolean', default: false },
  'force-new-cluster': { type: 'boolean', default: false },
  restore: { type: 'boolean', default: false },
  join: { type: 'string', multiple: true },
  'log-level': { type: 'string', default: 'info' },
} as const;

/** Reads the command line. @throws SwarmError `invalid_argument` naming the flag that is wrong. */
export function readConfig(args: readonly string[], env: NodeJS.ProcessEnv = process.env): ManagerConfig {
  const values = parseFlags(args);
  const advertise = readAdvertiseAddr(values['advertise-addr'], values['listen-addr']);
  const ways = [values.bootstrap, values.join !== undefined, values['force-new-cluster'], values.restore];
  if (ways.filter(Boolean).length > 1) {
    throw new SwarmError(
      'invalid_argument',
      '--bootstrap, --join, --force-new-cluster and --restore exclude each other',
    );
  }
  parseHostPort('listen-addr', values['listen-addr']);
  const api = parseHostPort('api-addr', values['api-addr']);
  const databaseUrl = values['database-url'] ?? env['DATABASE_URL'];
  const runRoot = values['run-root'];
  return {
    dataRoot: values['data-root'],
    runRoot,
    hostname: values.hostname ?? hostname(),
    advertiseIp: advertise.ip,
    advertiseAddr: advertise.addr,
    listenAddr: values['listen-addr'],
    apiAddr: values['api-addr'],
    isApiPlain: isLoopback(api.host),
    consoleDir: values['console-dir'],
    consolePrevDir: values['console-prev-dir'],
    socketPath: join(runRoot, 'manager', 'manager.sock'),
    databaseUrl,
    databaseMode: values['no-database'] ? 'off' : databaseUrl === undefined ? 'embedded' : 'external',
    postgresDir: join(values['data-root'], 'postgres'),
    postgresRunDir: join(runRoot, 'manager', 'pg'),
    start: startMode(values),
    logLevel: values['log-level'],
  };
}

/** `10.0.0.1`, or `10.0.0.1:2377` where the port differs from the one listened on. */
function readAdvertiseAddr(text: string | undefined, listenAddr: string): { ip: string; addr: string } {
  const bare = text ?? '';
  if (isIP(bare) !== 0) {
    const { port } = parseHostPort('listen-addr', listenAddr);
    return { ip: bare, addr: `${bracketed(bare)}:${String(port)}` };
  }
  const match = /^(?:\[([^\]]+)\]|([^:]+)):\d{1,5}$/.exec(bare);
  const ip = match?.[1] ?? match?.[2] ?? '';
  if (isIP(ip) === 0) {
    throw new SwarmError('invalid_argument', '--advertise-addr must be the IP address other hosts reach');
  }
  return { ip, addr: bare };
}

/** An IPv6 address as it stands before a port. */
export function bracketed(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

function parseFlags(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'] {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
  } catch (error: unknown) {
    throw new SwarmError('invalid_argument', error instanceof Error ? error.message : String(error));
  }
}

function startMode(values: ReturnType<typeof parseFlags>): ManagerConfig['start'] {
  if (values.bootstrap) {
    return { mode: 'init' };
  }
  if (values['force-new-cluster'] || values.restore) {
    return { mode: values.restore ? 'restore' : 'force' };
  }
  return values.join === undefined ? { mode: 'run' } : { mode: 'join', managers: values.join };
}

/** Address of the console and the REST API as others reach it. */
export function apiUrl(config: Pick<ManagerConfig, 'apiAddr' | 'advertiseIp' | 'isApiPlain'>): string {
  const { host, port } = parseHostPort('api-addr', config.apiAddr);
  const shown = host === '0.0.0.0' || host === '::' ? config.advertiseIp : host;
  return `${config.isApiPlain ? 'http' : 'https'}://${bracketed(shown)}:${String(port)}`;
}
