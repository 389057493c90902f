import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';

const START_DEADLINE_MS = 10_000;
const POLL_MS = 30;

export interface RegistryProcessOptions {
  /** Its files are kept here. */
  readonly directory: string;
  readonly host?: string;
  /** 0 or absent: a free one. */
  readonly port?: number;
  /** Path of an htpasswd file (bcrypt) for basic authentication. */
  readonly htpasswdFile?: string;
  /** Certificate and key in PEM: HTTPS instead of HTTP. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
  /** Tokens are asked for, from a service that signs them with the key of this certificate. */
  readonly token?: {
    readonly realm: string;
    readonly service: string;
    readonly issuer: string;
    readonly certificateFile: string;
  };
  /** The program and its arguments in front of the configuration, such as `nsenter` for a network namespace. */
  readonly command?: readonly string[];
}

/** Debian's `docker-registry` as a child process: for tests and the lab. */
export interface RegistryProcess {
  /** `127.0.0.1:5000`: the domain part of references. */
  readonly domain: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a registry and waits until it answers. */
export async function startRegistry(options: RegistryProcessOptions): Promise<RegistryProcess> {
  const host = options.host ?? '127.0.0.1';
  const port = options.port === undefined || options.port === 0 ? await freePort(host) : options.port;
  const domain = `${host}:${String(port)}`;
  await mkdir(options.directory, { recursive: true });
  const configPath = join(options.directory, 'registry.yml');
  await writeFile(configPath, renderConfig(options, domain));
  const [program = 'docker-registry', ...leading] = options.command ?? ['docker-registry'];
  const child = spawn(program, [...leading, 'serve', configPath], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  const deadline = Date.now() + START_DEADLINE_MS;
  while (!(await answers(domain))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`docker-registry does not start on ${domain}: ${complaint}`);
    }
    await delay(POLL_MS);
  }
  return { domain, pid: child.pid ?? 0, stop: () => stopChild(child) };
}

function renderConfig(options: RegistryProcessOptions, domain: string): string {
  const { tls } = options;
  return [
    'version: 0.1',
    'log:',
    '  level: error',
    '  accesslog:',
    '    disabled: true',
    'storage:',
    '  delete:',
    '    enabled: true',
    '  filesystem:',
    `    rootdirectory: ${join(options.directory, 'data')}`,
    'http:',
    `  addr: ${domain}`,
    ...(tls === undefined
      ? []
      : ['  tls:', `    certificate: ${tls.certificateFile}`, `    key: ${tls.keyFile}`]),
    ...renderAuthentication(options),
    '',
  ].join('\n');
}

function renderAuthentication({ htpasswdFile, token }: RegistryProcessOptions): string[] {
  if (htpasswdFile !== undefined) {
    return ['auth:', '  htpasswd:', '    realm: skep-test', `    path: ${htpasswdFile}`];
  }
  return token === undefined
    ? []
    : [
        'auth:',
        '  token:',
        `    realm: ${token.realm}`,
        `    service: ${token.service}`,
        `    issuer: ${token.issuer}`,
        `    rootcertbundle: ${token.certificateFile}`,
      ];
}

/** Whether anybody answers, however: a server that wants TLS says so in plain words. */
async function answers(domain: string): Promise<boolean> {
  try {
    const response = await request(`http://${domain}/v2/`);
    await response.body.dump();
    return true;
  } catch (error: unknown) {
    return error instanceof Error && !('code' in error);
  }
}

function stopChild(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => {
      resolve();
    });
    child.kill('SIGKILL');
  });
}

/** A port that nobody listens on at this moment. */
function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => {
        resolve(port);
      });
    });
  });
}
