import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { describe, expect, test } from 'vitest';

import { waitUntil } from '@skep/lab';

import { LabFixture } from './lab-fixture.ts';

/** Requests go on without a single failure while tasks are replaced and taken away. */
const fixture = new LabFixture({ hosts: 3, managers: 1 });
const docker = (...args: string[]) => fixture.dockerOk('h1', ...args);

/** Asks all hosts in turn, several requests at a time, each on a connection of its own, until its input ends. */
const CALLER = `
const { request } = require('node:http');
const counts = { answered: 0, failed: [] };
let isOver = false;
const ask = (host) => new Promise((resolve) => {
  const outgoing = request({ host, port: 8080, path: '/', agent: false, timeout: 8000 }, (incoming) => {
    incoming.on('data', () => undefined);
    incoming.on('error', (error) => { counts.failed.push(host + ' ' + error.message); resolve(); });
    incoming.on('end', () => {
      if (incoming.statusCode === 200) { counts.answered += 1; } else { counts.failed.push(host + ' ' + incoming.statusCode); }
      resolve();
    });
  });
  outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
  outgoing.on('error', (error) => { counts.failed.push(host + ' ' + error.message); resolve(); });
  outgoing.end();
});
const caller = async (host) => { while (!isOver) { await ask(host); } };
process.stdin.resume();
process.stdin.on('end', () => { isOver = true; });
Promise.all(['10.88.0.1', '10.88.0.2', '10.88.0.3', '10.88.0.1'].map(caller)).then(() => {
  process.stdout.write(JSON.stringify(counts));
});
`;

interface Counts {
  readonly answered: number;
  readonly failed: readonly string[];
}

class Caller {
  readonly #child: ChildProcess;
  #output = '';

  constructor() {
    const [program = '', ...args] = fixture.lab.client([process.execPath, '-e', CALLER]);
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  async end(): Promise<Counts> {
    const closed = once(this.#child, 'close');
    this.#child.stdin?.end();
    await closed;
    return JSON.parse(this.#output) as Counts;
  }
}

/** What was answered and what failed while `work` went on. */
async function callDuring(work: () => Promise<unknown>): Promise<Counts> {
  const caller = new Caller();
  try {
    await work();
  } catch (error) {
    await caller.end();
    throw error;
  }
  return caller.end();
}

async function runningTasks(): Promise<string[]> {
  const list = await docker(
    'service',
    'ps',
    'web',
    '--no-trunc',
    '--filter',
    'desired-state=running',
    '--format',
    '{{.ID}} {{.CurrentState}}',
  );
  return list.split('\n').filter((line) => line.includes(' Running '));
}

describe('zero downtime', () => {
  test('a service behind the mesh, healthy on three hosts', async () => {
    await docker(
      ...['service', 'create', '--detach=false', '--quiet', '--name', 'web', '--replicas', '6'],
      ...['--publish', '8080:80', '--stop-grace-period', '5s', '--update-parallelism', '2'],
      ...['--update-monitor', '0s', '--health-cmd', 'wget -qO- http://127.0.0.1/ >/dev/null'],
      ...['--health-interval', '500ms', '--health-retries', '20'],
      ...[
        fixture.image,
        'sh',
        '-c',
        'mkdir -p /www; hostname > /www/index.html; exec httpd -f -p 80 -h /www',
      ],
    );
    await fixture.waitReplicas('h1', 'web', '6/6');
  });

  test.each(['stop-first', 'start-first'])('an update, %s, costs no request', async (order) => {
    const before = new Set((await runningTasks()).map((line) => line.split(' ')[0]));
    const counts = await callDuring(async () => {
      await docker('service', 'update', '--quiet', '--detach', '--force', '--update-order', order, 'web');
      await waitUntil(
        'six new tasks run',
        async () => (await runningTasks()).filter((line) => !before.has(line.split(' ')[0])).length === 6,
        { timeoutMs: 120_000, everyMs: 300 },
      );
    });
    expect(counts.failed).toEqual([]);
    expect(counts.answered).toBeGreaterThan(100);
  });

  test('scaling down and up again costs no request', async () => {
    const counts = await callDuring(async () => {
      for (const replicas of ['2', '6', '1', '4']) {
        await docker('service', 'scale', '--detach', `web=${replicas}`);
        await fixture.waitReplicas('h1', 'web', `${replicas}/${replicas}`);
      }
    });
    expect(counts.failed).toEqual([]);
    expect(counts.answered).toBeGreaterThan(100);
  });
});
