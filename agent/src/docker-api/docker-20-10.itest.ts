import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { findDocker2010 } from './testing/docker-20-10.ts';
import { SwarmdFixture, type CliResult } from './testing/swarmd-fixture.ts';

const program = findDocker2010();

/** Debian's docker CLI 20.10 speaks version 1.41 of the API: answers must have the shapes of that time. */
describe.skipIf(program === undefined)('docker CLI 20.10', () => {
  let host: SwarmdFixture;

  beforeAll(async () => {
    host = await SwarmdFixture.start();
  });

  afterAll(async () => {
    await host.stop();
  });

  function docker(...args: readonly string[]): Promise<CliResult> {
    return host.client(program ?? 'docker', args);
  }

  async function ok(...args: readonly string[]): Promise<string> {
    const result = await docker(...args);
    expect(result, `docker ${args.join(' ')}: ${result.stderr}`).toMatchObject({ code: 0 });
    return result.stdout.trimEnd();
  }

  test('version and info', async () => {
    expect(await ok('version', '--format', '{{.Client.APIVersion}} {{.Server.Platform.Name}}')).toBe(
      '1.41 Skep',
    );
    expect(await ok('info', '--format', '{{.Driver}} {{.OSType}}')).toBe('overlay2 linux');
    expect(await ok('info')).toContain('Storage Driver: overlay2');
  });

  test('run tells output and exit code', async () => {
    const result = await docker('run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 42');
    expect(result).toEqual({ code: 42, stdout: 'out\n', stderr: 'err\n' });
  });

  test('the life of a container', async () => {
    await ok('create', '--name', 'box', '-p', '8081:80', 'busybox', 'sh', '-c', 'echo hi; exec sleep 1000');
    await ok('start', 'box');
    expect(await ok('ps', '--format', '{{.Names}} {{.Ports}}')).toBe('box 0.0.0.0:8081->80/tcp');
    await expect.poll(() => ok('logs', 'box')).toBe('hi');
    expect(await ok('inspect', '-f', '{{.State.Status}} {{.Config.Image}}', 'box')).toBe('running busybox');
    expect((await docker('exec', 'box', 'sh', '-c', 'echo in; exit 3')).code).toBe(3);
    await ok('stop', '-t', '0', 'box');
    await ok('start', 'box');
    await ok('kill', 'box');
    expect(await ok('wait', 'box')).toBe('137');
    await ok('rm', 'box');
    expect(await ok('ps', '-aq')).toBe('');
  });

  test('cp goes both ways, and commit, save and load keep what was copied', async () => {
    const [sent, got, saved] = ['sent', 'got', 'saved.tar'].map((name) => join(host.root, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(sent, 'content');
    await ok('create', '--name', 'copied', 'busybox', 'true');
    await ok('cp', sent, 'copied:/file');
    await ok('cp', 'copied:/file', got);
    expect(readFileSync(got, 'utf8')).toBe('content');
    await ok('commit', 'copied', 'kept:1');
    await ok('rm', 'copied');
    await ok('tag', 'kept:1', 'kept:2');
    await ok('save', '-o', saved, 'kept:2');
    await ok('rmi', 'kept:1', 'kept:2');
    expect(await ok('load', '-i', saved)).toBe('Loaded image: kept:2');
    expect(await ok('run', '--rm', 'kept:2', 'cat', '/file')).toBe('content');
    expect(await ok('images', '--format', '{{.Repository}}:{{.Tag}}', 'kept')).toBe('kept:2');
    await ok('rmi', 'kept:2');
  });

  test('push and pull by way of a registry', async () => {
    const config = join(host.root, 'registry.yml');
    const storage = `storage: { filesystem: { rootdirectory: ${join(host.root, 'registry')} } }`;
    writeFileSync(config, `version: 0.1\n${storage}\nhttp: { addr: "127.0.0.1:5000" }\n`);
    const registry = host.inNamespaces('docker-registry', ['serve', config]);
    try {
      await expect.poll(registry.output, { timeout: 15_000 }).toContain('listening on');
      await ok('tag', 'busybox', 'localhost:5000/box:1');
      expect(await ok('push', 'localhost:5000/box:1')).toMatch(/1: digest: sha256:[0-9a-f]{64} size: \d+/);
      await ok('rmi', 'localhost:5000/box:1');
      expect(await ok('pull', 'localhost:5000/box:1')).toContain('Status: Downloaded newer image');
      await ok('rmi', 'localhost:5000/box:1');
    } finally {
      await registry.stop();
    }
  });

  test('volumes and networks', async () => {
    expect(await ok('volume', 'create', 'data')).toBe('data');
    await ok('run', '--rm', '-v', 'data:/data', 'busybox', 'sh', '-c', 'echo kept > /data/file');
    expect(await ok('run', '--rm', '-v', 'data:/data', 'busybox', 'cat', '/data/file')).toBe('kept');
    expect(await ok('volume', 'ls', '-q')).toBe('data');
    await ok('volume', 'rm', 'data');
    await ok('network', 'create', 'inside');
    await ok('run', '-d', '--name', 'db', '--network', 'inside', 'busybox', 'sleep', '1000');
    expect(await ok('run', '--rm', '--network', 'inside', 'busybox', 'ping', '-c1', '-W2', 'db')).toContain(
      '1 packets received',
    );
    expect(await ok('network', 'inspect', '-f', '{{range .Containers}}{{.Name}}{{end}}', 'inside')).toBe(
      'db',
    );
    await ok('rm', '-f', 'db');
    await ok('network', 'rm', 'inside');
  });

  test('search finds the images of the host', async () => {
    expect(await ok('search', '--format', '{{.Name}}: {{.Description}}', 'busy')).toBe(
      'busybox: on this host: latest',
    );
  });

  test('events tell the life of a container', async () => {
    const since = String(Date.now() / 1000);
    await ok('run', '--rm', '--name', 'lived', 'busybox', 'true');
    const filters = ['--filter', 'type=container', '--filter', 'container=lived', '--format', '{{.Action}}'];
    await expect
      .poll(() => ok('events', '--since', since, '--until', '0s', ...filters), { timeout: 15_000 })
      .toBe('create\nattach\nstart\ndie\ndestroy');
  });
});
