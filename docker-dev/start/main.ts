import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Command } from 'commander';

import { errorMessage } from '@skep/kernel';

import { sampleArchives } from '../images/archive.ts';
import { mustCall } from '../lab/local-api.ts';
import { waitUntil } from '../lab/processes.ts';
import { assertPortsFree } from './ports.ts';
import { StartedSwarm, type StartPlace } from './swarm.ts';

const ROOT = '/var/lib/skep-start';
const RUN_ROOT = '/run/skep';
const STACK_FILE = fileURLToPath(new URL('../stacks/sample.yaml', import.meta.url));

interface Options {
  readonly advertiseAddr: string;
  readonly listen: string;
  readonly webPort: string;
}

const program = new Command('start')
  .description(
    'A one-node swarm with a sample stack, in the foreground. Ctrl-C stops it and removes everything.',
  )
  .option('--advertise-addr <ip>', 'address other hosts would reach this one by', mainAddress())
  .option(
    '--listen <ip:port>',
    'where console and API listen; plain HTTP on a loopback address, HTTPS elsewhere',
    '127.0.0.1:8377',
  )
  .option('--web-port <port>', 'where the sample web service is published', '8080');

/** The first address of this machine that is not loopback, else loopback. */
function mainAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

const say = (line: string): void => {
  process.stdout.write(`  ${line}\n`);
};

async function bringUp(swarm: StartedSwarm, options: Options): Promise<string> {
  say('starting swarmd and the manager (swarm init)');
  await swarm.start();
  say('loading the sample images');
  for (const archive of sampleArchives()) {
    await swarm.loadImage(archive);
  }
  say('deploying the sample stack');
  await mustCall(swarm.socket, {
    method: 'PUT',
    path: '/api/v1/stacks/sample',
    body: { source: readFileSync(STACK_FILE, 'utf8'), variables: { WEB_PORT: options.webPort } },
  });
  await waitUntil('the sample stack runs', () => isStackUp(swarm.socket), {
    timeoutMs: 60_000,
    everyMs: 100,
  });
  const link = (await mustCall(swarm.socket, { method: 'POST', path: '/api/v1/bootstrap/setup-token' })) as {
    token: string;
  };
  const scheme = /^(127\.|\[::1\]|localhost)/.test(options.listen) ? 'http' : 'https';
  return `${scheme}://${options.listen.replace(/^0\.0\.0\.0/, options.advertiseAddr)}/setup#token=${link.token}`;
}

async function isStackUp(socket: string): Promise<boolean> {
  const services = (await mustCall(socket, { method: 'GET', path: '/api/v1/services' })) as {
    items: { tasks: { running: number; desired: number } }[];
  };
  return (
    services.items.length === 2 &&
    services.items.every(({ tasks }) => tasks.desired > 0 && tasks.running >= tasks.desired)
  );
}

function tell(link: string, options: Options): void {
  process.stdout.write(
    [
      '',
      '  The swarm is up.',
      '',
      `  Console    ${link}`,
      "             (the link works once, for 30 minutes: it sets the administrator's password)",
      `  Sample     curl http://127.0.0.1:${options.webPort}`,
      `  Docker     export DOCKER_HOST=unix://${RUN_ROOT}/docker.sock; docker service ls`,
      '  CLI        npx swarm service ls',
      '',
      '  Ctrl-C stops everything and removes it.',
      '',
    ].join('\n'),
  );
}

async function main(): Promise<void> {
  const options = program.parse().opts<Options>();
  const place: StartPlace = {
    name: hostname(),
    root: ROOT,
    runRoot: RUN_ROOT,
    dataRoot: join(ROOT, 'data'),
    cgroup: '/skep-start',
    logFile: join(ROOT, 'swarmd.log'),
    advertiseAddr: options.advertiseAddr,
    apiAddr: options.listen,
  };
  const [apiHost = '', apiPort = ''] = options.listen.split(/:(?=\d+$)/);
  await assertPortsFree([
    {
      port: Number(apiPort),
      address: apiHost,
      purpose: 'console and API',
      remedy: 'choose another with npm start -- --listen 127.0.0.1:9377',
    },
    {
      port: 2377,
      address: options.advertiseAddr,
      purpose: 'manager port',
      remedy: 'is another swarm running on this host? Stop it first',
    },
    {
      port: Number(options.webPort),
      address: '0.0.0.0',
      purpose: 'sample web service',
      remedy: 'choose another with npm start -- --web-port 9080',
    },
  ]);
  const swarm = new StartedSwarm(place);
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => resolve(signal));
    }
  });
  try {
    const link = await Promise.race([bringUp(swarm, options), stopped.then(() => undefined)]);
    if (link !== undefined) {
      let isStopping = false;
      swarm.onExit((code) => {
        if (!isStopping) {
          process.stderr.write(`  swarmd ended by itself (${String(code)}); its log is ${place.logFile}\n`);
        }
      });
      tell(link, options);
      await stopped;
      isStopping = true;
    }
  } finally {
    say('stopping and removing everything');
    const leftovers = await swarm.remove();
    say(leftovers.length === 0 ? 'nothing is left' : `could not remove ${leftovers.join(', ')}`);
    process.exitCode = leftovers.length === 0 ? 0 : 1;
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${errorMessage(error)}\n`);
  process.exitCode = 1;
}
