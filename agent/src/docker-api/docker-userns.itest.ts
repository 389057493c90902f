import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SwarmdFixture, hasDockerCli } from './testing/swarmd-fixture.ts';

/** The unmodified docker CLI against a swarmd with `--userns-remap default`, on a host without such a user. Needs root. */
describe.skipIf(!hasDockerCli())('docker CLI with remapped users', () => {
  let host: SwarmdFixture;
  let rootUid: number;

  beforeAll(async () => {
    host = await SwarmdFixture.start(() => ['--userns-remap=default'], { hasOwnEtc: true });
    const lines = await readFile(join(host.root, 'etc/upper/subuid'), 'utf8');
    rootUid = Number(/^dockremap:(\d+):65536$/m.exec(lines)?.[1]);
  });

  afterAll(async () => {
    await host.stop();
  });

  async function uidOutside(name: string): Promise<number> {
    const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', name);
    return (await stat(`/proc/${pid}`)).uid;
  }

  test('the user was made with ids of its own, and info says so', async () => {
    expect(rootUid).toBeGreaterThanOrEqual(100_000);
    expect(await readFile(join(host.root, 'etc/upper/passwd'), 'utf8')).toContain('\ndockremap:');
    expect(await readFile(join(host.root, 'etc/upper/subgid'), 'utf8')).toMatch(/^dockremap:\d+:65536$/m);
    expect(await host.ok('info', '--format', '{{json .SecurityOptions}}')).toContain('"name=userns"');
  });

  test('root inside is a subordinate user outside; --userns=host is root', async () => {
    await host.ok('run', '-d', '--name', 'mapped', 'busybox', 'sleep', '1000');
    await host.ok('run', '-d', '--name', 'plain', '--userns=host', 'busybox', 'sleep', '1000');
    expect([await uidOutside('mapped'), await uidOutside('plain')]).toEqual([rootUid, 0]);
    expect(await host.ok('inspect', '-f', '{{.HostConfig.UsernsMode}}', 'plain')).toBe('host');
    for (const name of ['mapped', 'plain']) {
      expect(await host.ok('exec', name, 'sh', '-c', 'id -u; stat -c %u:%g / /bin/busybox')).toBe(
        '0\n0:0\n0:0',
      );
      expect(await host.ok('exec', '-u', 'nobody', name, 'id', '-un')).toBe('nobody');
    }
    expect(await host.ok('top', 'mapped', '-o', 'pid,uid,args')).toMatch(
      new RegExp(`${String(rootUid)} +sleep 1000`),
    );
    expect(await host.ok('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'mapped')).toBe(
      'mapped 1',
    );
    await host.ok('rm', '-f', 'mapped', 'plain');
  });

  test.each([
    [['--privileged'], 'privileged mode is incompatible with user namespaces.'],
    [['--pid=host'], 'cannot share the host PID namespace when user namespaces are enabled'],
    [['--network=host'], "cannot share the host's network namespace when user namespaces are enabled"],
  ])('%j is refused, and runs with --userns=host', async (flags, message) => {
    const refused = await host.docker(['run', '--rm', ...flags, 'busybox', 'true']);
    expect([refused.code, refused.stderr]).toEqual([125, expect.stringContaining(message)]);
    expect(await host.ok('run', '--rm', ...flags, '--userns=host', 'busybox', 'echo', 'ran')).toBe('ran');
  });

  test('a network belongs to its container: addresses, parameters, names, published ports', async () => {
    await host.ok('network', 'create', 'own');
    const sysctl = ['--sysctl', 'net.ipv4.ip_forward=1'];
    await host.ok(
      'run',
      '-d',
      '--name',
      'server',
      '--network',
      'own',
      ...sysctl,
      '-p',
      '8081:80',
      'busybox',
      'sh',
      '-c',
      'echo served > /index.html; httpd -f -h /',
    );
    expect(await host.ok('exec', 'server', 'cat', '/proc/sys/net/ipv4/ip_forward')).toBe('1');
    const admin = 'ip link set lo mtu 1400 && ip addr add 10.77.0.1/32 dev lo && cat /sys/class/net/lo/mtu';
    const refused = await host.docker(['exec', 'server', 'sh', '-c', admin]);
    expect(refused.code).not.toBe(0);
    expect(
      await host.ok(
        'run',
        '--rm',
        '--network',
        'own',
        '--cap-add',
        'NET_ADMIN',
        'busybox',
        'sh',
        '-c',
        admin,
      ),
    ).toBe('1400');
    expect(
      await host.ok('run', '--rm', '--network', 'own', 'busybox', 'wget', '-qO-', 'http://server/'),
    ).toBe('served');
    const { output, stop } = host.inNamespaces('busybox', ['wget', '-qO-', 'http://10.99.0.1:8081/']);
    await expect.poll(output, { timeout: 10_000 }).toBe('served\n');
    await stop();
    await host.ok('network', 'create', 'second');
    await host.ok('network', 'connect', 'second', 'server');
    expect(await host.ok('exec', 'server', 'ls', '/sys/class/net')).toMatch(/eth0\neth1\nlo/);
    await host.ok('network', 'disconnect', 'second', 'server');
    await host.ok('restart', '-t', '0', 'server');
    expect(
      await host.ok(
        'run',
        '--rm',
        '--network',
        'container:server',
        'busybox',
        'wget',
        '-qO-',
        'http://127.0.0.1/',
      ),
    ).toBe('served');
    await host.ok('rm', '-f', 'server');
    await host.ok('network', 'rm', 'own', 'second');
  });

  test('cp, volumes and commit keep owners', async () => {
    const sent = join(host.root, 'sent');
    await writeFile(sent, 'content');
    await host.ok(
      'run',
      '-d',
      '--name',
      'box',
      '-v',
      'data:/data',
      '--tmpfs',
      '/t',
      'busybox',
      'sleep',
      '1000',
    );
    await host.ok('cp', sent, 'box:/tmp/file');
    expect(
      await host.ok(
        'exec',
        'box',
        'sh',
        '-c',
        'cat /tmp/file; echo more >> /tmp/file; echo v > /data/v; echo t > /t/t; stat -c %u /tmp/file /data /data/v /t/t',
      ),
    ).toBe('content0\n0\n0\n0');
    const mountpoint = await host.ok('volume', 'inspect', '-f', '{{.Mountpoint}}', 'data');
    expect((await stat(join(mountpoint, 'v'))).uid).toBe(rootUid);
    await host.ok('cp', 'box:/tmp/file', join(host.root, 'got'));
    expect(await readFile(join(host.root, 'got'), 'utf8')).toBe('contentmore\n');
    expect(await host.ok('diff', 'box')).toContain('A /tmp/file');
    await host.ok('commit', 'box', 'box-image');
    expect(await host.ok('run', '--rm', '--userns=host', 'box-image', 'stat', '-c', '%u', '/tmp/file')).toBe(
      '0',
    );
    await host.ok('rm', '-f', 'box');
    await host.ok('volume', 'rm', 'data');
    await host.ok('rmi', 'box-image');
  });

  test('containers outlive a killed swarmd, and are theirs again when it is back', async () => {
    await host.ok('run', '-d', '--name', 'lasting', '-p', '8082:80', 'busybox', 'httpd', '-f', '-h', '/');
    const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', 'lasting');
    await host.killDaemon();
    await host.startDaemon();
    expect(await host.ok('inspect', '-f', '{{.State.Pid}} {{.State.Status}}', 'lasting')).toBe(
      `${pid} running`,
    );
    expect(await host.ok('exec', 'lasting', 'sh', '-c', 'echo after > /after; id -u')).toBe('0');
    await host.ok('restart', '-t', '0', 'lasting');
    expect(await host.ok('exec', 'lasting', 'stat', '-c', '%u', '/after')).toBe('0');
    expect(await uidOutside('lasting')).toBe(rootUid);
    await host.ok('rm', '-f', 'lasting');
  });

  test('a built image is that of any other engine, and runs', async () => {
    const context = await mkdtemp(join(host.root, 'context-'));
    await writeFile(
      join(context, 'Dockerfile'),
      'FROM busybox\nRUN echo built > /built && chown 5:6 /built\n',
    );
    const built = await host.docker(['build', '-q', '-t', 'built', context], { timeoutMs: 120_000 });
    expect(built.code).toBe(0);
    expect(await host.ok('run', '--rm', 'built', 'stat', '-c', '%u:%g', '/built')).toBe('5:6');
    await host.ok('rmi', 'built');
  });
});

test('a flag that cannot be honoured ends swarmd with flag, reason and remedy', async () => {
  const failed = await SwarmdFixture.failure(['--userns-remap=nosuchuser']);
  expect(failed).toContain(
    '--userns-remap "nosuchuser": there is no user nosuchuser in /etc/passwd: make it (useradd --system nosuchuser)',
  );
});
