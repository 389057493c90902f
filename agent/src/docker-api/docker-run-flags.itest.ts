import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SwarmdFixture, hasDockerCli } from './testing/swarmd-fixture.ts';

/** Prints a limit from where version 1 or version 2 of cgroups has it. */
const limit = (version1: string, version2: string): string =>
  `cat /sys/fs/cgroup/${version1} 2>/dev/null || cat /sys/fs/cgroup/${version2}`;

const NO_DIRECTORIES = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
};

/** What flags of `docker run` change inside of a container, by the unmodified CLI. Needs root. */
describe.skipIf(!hasDockerCli())('flags of docker run', () => {
  let host: SwarmdFixture;

  beforeAll(async () => {
    host = await SwarmdFixture.start();
    writeFileSync(join(host.root, 'env'), 'ONE=1\n# a comment\nTWO=two words\n');
    writeFileSync(join(host.root, 'profile.json'), JSON.stringify(NO_DIRECTORIES));
  });

  afterAll(async () => {
    await host.stop();
  });

  test.each([
    ['--workdir', ['--workdir', '/tmp'], 'pwd', '/tmp'],
    ['--dns', ['--dns', '192.0.2.53'], 'grep nameserver /etc/resolv.conf', 'nameserver 192.0.2.53'],
    [
      '--cpuset-cpus',
      ['--cpuset-cpus', '0'],
      'grep Cpus_allowed_list /proc/self/status',
      'Cpus_allowed_list:\t0',
    ],
    ['--pids-limit', ['--pids-limit', '50'], limit('pids/pids.max', 'pids.max'), '50'],
    ['--cpu-shares', ['--cpu-shares', '512'], limit('cpu/cpu.shares', 'cpu.weight'), /^(512|20)$/],
    ['--cpus', ['--cpus', '0.5'], limit('cpu/cpu.cfs_quota_us', 'cpu.max'), /^50000( 100000)?$/],
    [
      '--memory-reservation',
      ['--memory', '64m', '--memory-reservation', '32m'],
      limit('memory/memory.soft_limit_in_bytes', 'memory.low'),
      '33554432',
    ],
    ['--shm-size', ['--shm-size', '32m'], "df -k /dev/shm | awk 'NR==2 {print $2}'", '32768'],
    ['--ulimit', ['--ulimit', 'nofile=100:200'], 'ulimit -Sn; ulimit -Hn', '100\n200'],
    ['--device', ['--device', '/dev/zero:/dev/nothing'], 'head -c 3 /dev/nothing | wc -c', '3'],
    ['--group-add', ['--group-add', '5005'], 'id -G', /\b5005\b/],
    [
      'no seccomp',
      ['--security-opt', 'seccomp=unconfined'],
      'grep Seccomp: /proc/self/status',
      'Seccomp:\t0',
    ],
    [
      'no-new-privileges',
      ['--security-opt', 'no-new-privileges'],
      'grep NoNewPrivs /proc/self/status',
      'NoNewPrivs:\t1',
    ],
    [
      '--hostname',
      ['--hostname', 'box', '--add-host', 'other:192.0.2.7'],
      'hostname; grep other /etc/hosts',
      /^box\n192\.0\.2\.7\s+other$/,
    ],
  ] as const)('%s', async (_name, options, script, expected) => {
    const printed = await host.ok('run', '--rm', ...options, 'busybox', 'sh', '-c', script);
    expect(printed).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
  });

  test('--env-file', async () => {
    const file = ['--env-file', join(host.root, 'env'), '--env', 'ONE=one'];
    expect(await host.ok('run', '--rm', ...file, 'busybox', 'sh', '-c', 'echo "$ONE $TWO"')).toBe(
      'one two words',
    );
  });

  test('--entrypoint takes the place of the image’s, arguments follow', async () => {
    expect(await host.ok('run', '--rm', '--entrypoint', 'echo', 'busybox', 'a', 'b')).toBe('a b');
  });

  test('--security-opt seccomp= with a profile of one’s own', async () => {
    const own = ['--security-opt', `seccomp=${join(host.root, 'profile.json')}`];
    expect(await host.ok('run', '--rm', ...own, 'busybox', 'sh', '-c', 'mkdir /new 2>&1; echo $?')).toBe(
      "mkdir: can't create directory '/new': Operation not permitted\n1",
    );
  });

  test.each(['pid', 'ipc', 'uts'])(
    '--%s host shares the namespace; without it there is another',
    async (kind) => {
      const link = `readlink /proc/self/ns/${kind}`;
      const shown = (...options: string[]): Promise<string> =>
        host.ok('run', '--rm', ...options, 'busybox', 'sh', '-c', link);
      expect(await shown(`--${kind}`, 'host')).toBe(host.onHost(link));
      expect(await shown()).not.toBe(host.onHost(link));
    },
  );

  test('-P publishes what is exposed, -l and --label-file name things', async () => {
    writeFileSync(join(host.root, 'labels'), 'from=file\n');
    const labels = ['-l', 'tier=web', '--label-file', join(host.root, 'labels')];
    await host.ok(
      'run',
      '-d',
      '--name',
      'open',
      '-P',
      '--expose',
      '81',
      ...labels,
      'busybox',
      'sleep',
      '1000',
    );
    expect(await host.ok('port', 'open')).toMatch(/^81\/tcp -> 0\.0\.0\.0:\d+/);
    expect(await host.ok('inspect', '-f', '{{json .Config.Labels}}', 'open')).toBe(
      '{"from":"file","tier":"web"}',
    );
    await host.ok('rm', '-f', 'open');
  });

  test('--stop-signal is what stop sends, --stop-timeout how long it waits', async () => {
    const signal = ['--stop-signal', 'USR1', '--stop-timeout', '60'];
    const ends = "trap 'exit 7' USR1; echo ready; while :; do sleep 0.1; done";
    await host.ok('run', '-d', '--name', 'polite', ...signal, 'busybox', 'sh', '-c', ends);
    const stays = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
    await host.ok('run', '-d', '--name', 'stubborn', '--stop-timeout', '1', 'busybox', 'sh', '-c', stays);
    for (const name of ['polite', 'stubborn']) {
      await expect.poll(() => host.ok('logs', name), { timeout: 20_000 }).toBe('ready');
      await host.ok('stop', name);
    }
    const codes = ['polite', 'stubborn'].map((name) => host.ok('inspect', '-f', '{{.State.ExitCode}}', name));
    expect(await Promise.all(codes)).toEqual(['7', '137']);
    await host.ok('rm', 'polite', 'stubborn');
  });

  test('export and import make an image of a container', async () => {
    const archive = join(host.root, 'export.tar');
    await host.ok('run', '--name', 'source', 'busybox', 'sh', '-c', 'echo kept > /kept');
    await host.ok('export', '-o', archive, 'source');
    await host.ok('import', '--change', 'CMD ["cat", "/kept"]', archive, 'imported:1');
    expect(await host.ok('run', '--rm', 'imported:1')).toBe('kept');
    await host.ok('rm', 'source');
    await host.ok('rmi', 'imported:1');
  });
});
