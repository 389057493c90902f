import { X509Certificate } from 'node:crypto';
import { hostname } from 'node:os';
import { connect as connectTls } from 'node:tls';

import { password as askPassword, confirm, isCancel } from '@clack/prompts';
import type { Command } from 'commander';
import { Agent, request } from 'undici';

import { SwarmError } from '@skep/kernel';

import { DEFAULT_CONTEXT, readContexts, writeContexts } from '../connection/contexts.ts';
import { DEFAULT_SOCKET, parseHost } from '../connection/target.ts';
import { renderTable } from '../output.ts';

interface LoginOptions {
  readonly user: string;
  readonly passwordStdin?: boolean;
  readonly caFingerprint?: string;
  readonly name?: string;
  readonly days: number;
}

/** `swarm context ...` and `swarm login`. */
export function registerContext(program: Command): void {
  const context = program.command('context').description('contexts: clusters this command line knows');
  context
    .command('ls')
    .description('list contexts')
    .action(() => {
      const { current, contexts } = readContexts();
      const all = { [DEFAULT_CONTEXT]: { host: `unix://${DEFAULT_SOCKET}` }, ...contexts };
      console.log(
        renderTable(
          ['NAME', 'HOST'],
          Object.entries(all).map(([name, { host }]) => [`${name}${name === current ? ' *' : ''}`, host]),
        ),
      );
    });
  context
    .command('use <name>')
    .description('use this context from now on')
    .action((name: string) => {
      const file = readContexts();
      if (name !== DEFAULT_CONTEXT && file.contexts[name] === undefined) {
        throw new SwarmError(
          'not_found',
          `context "${name}" does not exist; swarm context ls shows what there is`,
        );
      }
      writeContexts({ ...file, current: name });
      console.log(name);
    });
  context
    .command('rm <name>')
    .description('forget a context and its token')
    .action((name: string) => {
      const file = readContexts();
      const { [name]: removed, ...contexts } = file.contexts;
      if (removed === undefined) {
        throw new SwarmError('not_found', `context "${name}" does not exist`);
      }
      writeContexts({ current: file.current === name ? DEFAULT_CONTEXT : file.current, contexts });
      console.log(name);
    });
  program
    .command('login <url>')
    .description('sign in to a manager and keep a token for it in a context')
    .requiredOption('-u, --user <name>', 'user name')
    .option('--password-stdin', 'read the password from standard input')
    .option(
      '--ca-fingerprint <sha256>',
      'trust the cluster whose CA has this fingerprint (swarm ca --fingerprint)',
    )
    .option('--name <name>', 'name of the context (default: the host of the URL)')
    .option('--days <count>', 'how long the token lasts', Number, 30)
    .action((url: string, options: LoginOptions) => logIn(url, options));
}

async function logIn(url: string, options: LoginOptions): Promise<void> {
  const target = parseHost(url);
  if (target.kind !== 'tls') {
    throw new SwarmError(
      'invalid_argument',
      'a socket needs no sign-in; give the https:// address of a manager',
    );
  }
  const caPem = target.url.startsWith('https:')
    ? await trustedCa(new URL(target.url), options.caFingerprint)
    : undefined;
  const password = await readPassword(options.passwordStdin === true);
  const dispatcher = new Agent({ connect: caPem === undefined ? {} : { ca: caPem } });
  const call = async (
    method: 'POST' | 'DELETE',
    path: string,
    body: unknown,
    headers: Record<string, string>,
  ) =>
    request(`${target.url}/api/v1${path}`, {
      method,
      dispatcher,
      headers: {
        'content-type': 'application/json',
        'x-requested-with': 'swarm-cli',
        origin: target.url,
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const session = await call('POST', '/session', { username: options.user, password }, {});
  const text = await session.body.text();
  if (session.statusCode >= 400) {
    throw new SwarmError(
      'unauthenticated',
      (JSON.parse(text) as { detail?: string }).detail ?? 'sign-in was refused',
    );
  }
  const cookie = [session.headers['set-cookie'] ?? []]
    .flat()
    .map((line) => line.split(';')[0] ?? '')
    .join('; ');
  const { role } = JSON.parse(text) as { role: string };
  const made = await call(
    'POST',
    '/tokens',
    { name: `cli on ${hostname()}`, role, days: options.days },
    { cookie },
  );
  const token = (JSON.parse(await made.body.text()) as { token?: string }).token;
  await call('DELETE', '/session', undefined, { cookie });
  if (token === undefined) {
    throw new SwarmError('internal', 'the manager made no token');
  }
  const name = options.name ?? new URL(target.url).hostname;
  const file = readContexts();
  writeContexts({
    current: name,
    contexts: {
      ...file.contexts,
      [name]: { host: target.url, token, ...(caPem === undefined ? {} : { caPem }) },
    },
  });
  console.log(
    `Signed in as ${options.user} (${role}); context ${name} is in use for ${String(options.days)} days.`,
  );
}

/** The CA the manager shows, when its fingerprint is the given one or a person says yes to it. */
async function trustedCa(url: URL, fingerprint: string | undefined): Promise<string> {
  const root = await shownRoot(url);
  const actual = root.fingerprint256.replaceAll(':', '').toLowerCase();
  if (fingerprint !== undefined) {
    if (
      fingerprint
        .replaceAll(':', '')
        .toLowerCase()
        .replace(/^sha256/, '') !== actual
    ) {
      throw new SwarmError(
        'unauthenticated',
        `the manager's CA has fingerprint ${actual}, not the one given`,
      );
    }
    return root.toString();
  }
  if (!process.stdin.isTTY) {
    throw new SwarmError('unauthenticated', `give --ca-fingerprint; the manager shows ${actual}`);
  }
  const answer = await confirm({
    message: `The manager shows a CA with fingerprint\n  ${actual}\nDo you trust it?`,
    initialValue: false,
  });
  if (isCancel(answer) || !answer) {
    throw new SwarmError('cancelled', 'not trusted');
  }
  return root.toString();
}

function shownRoot(url: URL): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    // Only the certificate is read over this connection; nothing is sent before it is trusted.
    const socket = connectTls(
      { host: url.hostname, port: Number(url.port || 443), rejectUnauthorized: false },
      () => {
        let shown = socket.getPeerCertificate(true);
        while (
          (shown.issuerCertificate as typeof shown | undefined) !== undefined &&
          shown.issuerCertificate.fingerprint256 !== shown.fingerprint256
        ) {
          shown = shown.issuerCertificate;
        }
        socket.end();
        resolve(new X509Certificate(shown.raw));
      },
    );
    socket.on('error', (error: Error) =>
      reject(new SwarmError('unavailable', `cannot reach ${url.origin}: ${error.message}`)),
    );
  });
}

async function readPassword(isStdin: boolean): Promise<string> {
  if (isStdin) {
    let text = '';
    for await (const chunk of process.stdin) {
      text += String(chunk);
    }
    return text.replace(/\r?\n$/, '');
  }
  const answer = await askPassword({ message: 'Password' });
  if (isCancel(answer)) {
    throw new SwarmError('cancelled', 'no password given');
  }
  return answer;
}
