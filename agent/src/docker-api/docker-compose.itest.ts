import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SwarmdFixture, type CliResult } from './testing/swarmd-fixture.ts';

const FILE = `
version: "3.8"
services:
  web:
    image: busybox
    command: sh -c 'echo served by $$NAME > /data/index.html; exec httpd -f -p 80 -h /data'
    environment: { NAME: shop }
    ports: ["8080:80"]
    volumes: ["pages:/data"]
    networks: { inside: { aliases: [shop] } }
    stop_grace_period: 1s
  worker:
    image: busybox
    command: sh -c 'echo started; exec sleep 1000'
    depends_on: [web]
    networks: [inside]
    stop_grace_period: 1s
networks: { inside: {} }
volumes: { pages: {} }
`;

const hasCompose = spawnSync('docker-compose', ['version']).status === 0;

/** Docker's Compose of the time before it was a plugin, on docker-py: many still have it, and it asks in ways of its own. */
describe.skipIf(!hasCompose)('docker-compose 1.29', () => {
  let host: SwarmdFixture;
  let project: string;

  beforeAll(async () => {
    host = await SwarmdFixture.start();
    project = join(host.root, 'shop');
    mkdirSync(project);
    writeFileSync(join(project, 'docker-compose.yml'), FILE);
  });

  afterAll(async () => {
    await host.stop();
  });

  async function compose(...args: readonly string[]): Promise<CliResult> {
    const result = await host.client('docker-compose', ['--no-ansi', ...args], {
      directory: project,
      timeoutMs: 60_000,
    });
    expect(result, `docker-compose ${args.join(' ')}: ${result.stderr}`).toMatchObject({ code: 0 });
    return result;
  }

  test('up brings the project up, and again changes nothing', async () => {
    await compose('up', '-d');
    const ids = (await compose('ps', '-q')).stdout.trim().split('\n');
    expect(ids).toHaveLength(2);
    const again = await compose('up', '-d');
    expect(again.stderr).toContain('shop_web_1 is up-to-date');
    expect((await compose('ps', '-q')).stdout.trim().split('\n')).toEqual(ids);
    const listed = (await compose('ps')).stdout;
    expect(listed).toMatch(/shop_web_1 .* Up +0\.0\.0\.0:8080->80\/tcp/);
    expect(listed).toMatch(/shop_worker_1 .* Up/);
  });

  test('services reach each other by name and alias, and exec tells it', async () => {
    for (const name of ['web', 'shop', 'shop_web_1']) {
      const answer = await compose('exec', '-T', 'worker', 'wget', '-qO-', `http://${name}`);
      expect(answer.stdout).toBe('served by shop\n');
    }
  });

  test('an exit code of exec is that of the command', async () => {
    const result = await host.client(
      'docker-compose',
      ['--no-ansi', 'exec', '-T', 'worker', 'sh', '-c', 'exit 7'],
      {
        directory: project,
      },
    );
    expect(result.code).toBe(7);
  });

  test('scales up and down', async () => {
    await compose('up', '-d', '--scale', 'worker=3');
    expect((await compose('ps', '-q', 'worker')).stdout.trim().split('\n')).toHaveLength(3);
    await compose('up', '-d', '--scale', 'worker=1');
    expect((await compose('ps', '-q', 'worker')).stdout.trim().split('\n')).toHaveLength(1);
  });

  test('logs, top and port speak of the services', async () => {
    expect((await compose('logs', 'worker')).stdout).toMatch(/worker_1 +\| started/);
    expect((await compose('top', 'worker')).stdout).toContain('sleep 1000');
    expect((await compose('port', 'web', '80')).stdout.trim()).toBe('0.0.0.0:8080');
  });

  test('run makes a container of its own beside them', async () => {
    const result = await compose('run', '--rm', '-T', '-e', 'NAME=once', 'web', 'sh', '-c', 'echo $NAME');
    expect(result.stdout.trim()).toBe('once');
    expect((await compose('ps', '-q')).stdout.trim().split('\n')).toHaveLength(2);
  });

  test('a changed service is made anew and keeps its volume', async () => {
    const before = (await compose('ps', '-q', 'web')).stdout;
    writeFileSync(join(project, 'docker-compose.yml'), FILE.replace('NAME: shop', 'NAME: market'));
    await compose('up', '-d');
    expect((await compose('ps', '-q', 'web')).stdout).not.toBe(before);
    const answer = await compose('exec', '-T', 'worker', 'wget', '-qO-', 'http://web');
    expect(answer.stdout).toBe('served by market\n');
  });

  test('stop, start, pause, unpause, restart and kill', async () => {
    const state = async () =>
      host.ok(
        'inspect',
        '--format',
        '{{.State.Status}}',
        (await compose('ps', '-q', 'worker')).stdout.trim(),
      );
    for (const [verb, wanted] of [
      ['stop', 'exited'],
      ['start', 'running'],
      ['pause', 'paused'],
      ['unpause', 'running'],
      ['restart', 'running'],
      ['kill', 'exited'],
    ] as const) {
      await compose(verb, 'worker');
      expect(await state(), verb).toBe(wanted);
    }
  });

  test('down -v leaves nothing', async () => {
    await compose('down', '-v');
    expect(await host.ok('ps', '-aq')).toBe('');
    expect(await host.ok('network', 'ls', '-q', '--filter', 'name=shop')).toBe('');
    expect(await host.ok('volume', 'ls', '-q')).toBe('');
  });
});
