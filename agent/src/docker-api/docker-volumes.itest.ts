import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SwarmdFixture, hasDockerCli } from './testing/swarmd-fixture.ts';

/** Volumes as the unmodified docker CLI sees them, on the real engine. Needs root. */
describe.skipIf(!hasDockerCli())('docker volumes', () => {
  let host: SwarmdFixture;

  beforeAll(async () => {
    host = await SwarmdFixture.start();
    const seed = [
      'mkdir -p /seed/sub',
      'echo one > /seed/a',
      'ln -s a /seed/link',
      'chown -R 33:65534 /seed',
      'chmod 2750 /seed',
      'chmod 600 /seed/a',
    ].join(' && ');
    await host.ok('run', '--name', 'maker', 'busybox', 'sh', '-c', seed);
    await host.ok('commit', '-c', 'VOLUME /anonymous', 'maker', 'seeded');
    await host.ok('rm', '-v', 'maker');
  });

  afterAll(async () => {
    await host.stop();
  });

  const directoryOf = (volume: string): string => join(host.root, 'data', 'volumes', volume, '_data');
  const mountsOf = (volume: string): string =>
    host.onHost(`grep -F ${directoryOf(volume)} /proc/self/mountinfo`);
  const shell = (script: string, ...options: string[]): Promise<string> =>
    host.ok('run', '--rm', ...options, 'busybox', 'sh', '-c', script);

  describe('a volume by itself', () => {
    test('is made once, shown whole, listed by filters and formats, and removed', async () => {
      const made = ['volume', 'create', '--label', 'tier=db', '--label', 'empty', 'plain'];
      expect(await host.ok(...made)).toBe('plain');
      expect(await host.ok('volume', 'create', 'plain')).toBe('plain');
      expect(JSON.parse(await host.ok('volume', 'inspect', 'plain'))).toEqual([
        {
          CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
          Driver: 'local',
          Labels: { empty: '', tier: 'db' },
          Mountpoint: directoryOf('plain'),
          Name: 'plain',
          Options: null,
          Scope: 'local',
        },
      ]);
      await host.ok('volume', 'create', 'other');
      await host.ok('create', '--name', 'user', '-v', 'other:/data', 'busybox');
      const list = (...filters: string[]): Promise<string> =>
        host.ok('volume', 'ls', '-q', ...filters.flatMap((filter) => ['--filter', filter]));
      expect(await list()).toBe('other\nplain');
      expect(await list('name=pla')).toBe('plain');
      expect(await list('label=tier')).toBe('plain');
      expect(await list('label=tier=db', 'label=empty')).toBe('plain');
      expect(await list('label=tier=web')).toBe('');
      expect(await list('driver=local', 'dangling=true')).toBe('plain');
      expect(await list('dangling=false')).toBe('other');
      expect(await list('driver=rexray')).toBe('');
      const format = '{{.Name}}|{{.Driver}}|{{.Scope}}|{{.Label "tier"}}|{{.Mountpoint}}';
      expect(await host.ok('volume', 'ls', '--filter', 'name=plain', '--format', format)).toBe(
        `plain|local|local|db|${directoryOf('plain')}`,
      );
      expect(await host.refused('volume', 'ls', '--filter', 'colour=red')).toContain(
        "invalid filter 'colour'",
      );
      await host.ok('rm', 'user');
      expect(await host.ok('volume', 'rm', 'plain', 'other')).toBe('plain\nother');
      expect(existsSync(directoryOf('plain'))).toBe(false);
    });

    test.each([
      [
        ['create', 'x'],
        'create x: volume name is too short, names should be at least two alphanumeric characters',
      ],
      [['create', 'a b'], 'create a b: "a b" includes invalid characters for a local volume name'],
      [
        ['create', '-d', 'rexray', 'far'],
        'create far: error looking up volume plugin rexray: plugin "rexray" not found',
      ],
      [['create', '-o', 'colour=red', 'odd'], 'create odd: invalid option: "colour"'],
      [['create', '-o', 'type=tmpfs', 'half'], 'create half: missing required option: "device"'],
      [['create', '-o', 'o=ro', 'half'], 'create half: missing required option: "device"'],
      [['rm', 'nosuch'], 'get nosuch: no such volume'],
      [['inspect', 'nosuch'], 'get nosuch: no such volume'],
    ])("%o is refused in Docker's words", async (command, message) => {
      expect(await host.refused('volume', ...command)).toContain(message);
    });

    test('rm -f of nothing is no error', async () => {
      expect(await host.ok('volume', 'rm', '-f', 'nosuch')).toBe('nosuch');
    });

    test('other options than those it was made with are refused', async () => {
      const options = ['-o', 'type=tmpfs', '-o', 'device=tmpfs'];
      await host.ok('volume', 'create', ...options, 'made');
      expect(await host.ok('volume', 'create', '-o', 'device=tmpfs', '-o', 'type=tmpfs', 'made')).toBe(
        'made',
      );
      expect(await host.refused('volume', 'create', ...options, '-o', 'o=ro', 'made')).toContain(
        'volume made already exists with other options',
      );
      await host.ok('volume', 'rm', 'made');
    });

    test('without a name it is anonymous', async () => {
      const name = await host.ok('volume', 'create');
      expect(name).toMatch(/^[0-9a-f]{64}$/);
      const filter = 'label=com.docker.volume.anonymous';
      expect(await host.ok('volume', 'ls', '-q', '--filter', filter)).toBe(name);
      await host.ok('volume', 'rm', name);
    });
  });

  describe('first use', () => {
    test('fills an empty volume from the image, owners and modes too, and only once', async () => {
      const look = 'stat -c %u:%g:%a /seed /seed/a /seed/sub; cat /seed/a; readlink /seed/link';
      const seeded = '33:65534:2750\n33:65534:600\n33:65534:755\none\na';
      const run = ['run', '--rm', '-v', 'first:/seed', 'seeded', 'sh', '-c'];
      expect(await host.ok(...run, look)).toBe(seeded);
      expect(host.onHost(`stat -c %u:%g:%a ${directoryOf('first')}`)).toBe('33:65534:2750');
      await host.ok(...run, 'echo two > /seed/a; rm /seed/link');
      expect(await host.ok(...run, 'cat /seed/a; ls /seed')).toBe('two\na\nsub');
      expect(await shell('cat /there/a', '-v', 'first:/there')).toBe('two');
      await host.ok('volume', 'rm', 'first');
    });

    test('of two containers at once fills it once', async () => {
      const run = [
        'run',
        '--rm',
        '-v',
        'raced:/seed',
        'seeded',
        'sh',
        '-c',
        'cat /seed/a; readlink /seed/link',
      ];
      const outputs = await Promise.all(Array.from({ length: 4 }, () => host.ok(...run)));
      expect(outputs).toEqual(Array.from({ length: 4 }, () => 'one\na'));
      await host.ok('volume', 'rm', 'raced');
    });

    test('with nocopy leaves it empty', async () => {
      const look = ['seeded', 'sh', '-c', 'ls -A /seed | wc -l'];
      expect(await host.ok('run', '--rm', '-v', 'bare:/seed:nocopy', ...look)).toBe('0');
      const mount = 'type=volume,source=bare,target=/seed,volume-nocopy';
      expect(await host.ok('run', '--rm', '--mount', mount, ...look)).toBe('0');
      await host.ok('volume', 'rm', 'bare');
    });

    test('of a volume of the image is anonymous and goes with --rm', async () => {
      await host.ok('run', '-d', '--name', 'holder', 'seeded', 'sleep', '1000');
      const name = await host.ok('inspect', '-f', '{{(index .Mounts 0).Name}}', 'holder');
      expect(await host.ok('volume', 'ls', '-q', '--filter', 'dangling=false')).toBe(name);
      await host.ok('rm', '-f', 'holder');
      // Without -v it stays, and is what prune is for.
      expect(await host.ok('volume', 'ls', '-q')).toBe(name);
      expect(await host.ok('volume', 'prune', '-f')).toContain(`Deleted Volumes:\n${name}`);
      await host.ok('run', '--rm', 'seeded', 'true');
      expect(await host.ok('volume', 'ls', '-q')).toBe('');
    });
  });

  describe('options of the driver', () => {
    test('a tmpfs has its size and mode, and is there only while it is used', async () => {
      await host.ok(
        ...['volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs'],
        ...['-o', 'o=size=1m,mode=0750,noexec,nodev', 'fast'],
      );
      expect(await host.ok('volume', 'inspect', '-f', '{{.Options.o}}', 'fast')).toBe(
        'size=1m,mode=0750,noexec,nodev',
      );
      expect(mountsOf('fast')).toBe('');
      const script =
        'df -k /f | awk "END{print \\$2}"; stat -c %a /f; grep " /f " /proc/mounts; echo x > /f/x';
      const [size, mode, mount] = (await shell(script, '-v', 'fast:/f')).split('\n');
      expect([size, mode]).toEqual(['1024', '750']);
      expect(mount).toMatch(/ tmpfs rw,.*nodev.*noexec/);
      expect(mountsOf('fast')).toBe('');
      expect(await shell('ls /f', '-v', 'fast:/f')).toBe('');
      await host.ok('volume', 'rm', 'fast');
    });

    test('--mount with volume-opt makes and labels the volume', async () => {
      const mount =
        'type=volume,source=inline,target=/f,volume-opt=type=tmpfs,volume-opt=device=tmpfs,' +
        '"volume-opt=o=size=2m,uid=33",volume-label=a=b';
      expect(await shell('df -k /f | awk "END{print \\$2}"; stat -c %u /f', '--mount', mount)).toBe(
        '2048\n33',
      );
      expect(await host.ok('volume', 'inspect', '-f', '{{.Options}} {{.Labels}}', 'inline')).toBe(
        'map[device:tmpfs o:size=2m,uid=33 type:tmpfs] map[a:b]',
      );
      await host.ok('volume', 'rm', 'inline');
    });

    test('a bind shows a directory of the host; read-only, nobody writes it', async () => {
      const directory = join(host.root, 'shown');
      mkdirSync(directory);
      writeFileSync(join(directory, 'file'), 'of the host');
      const bind = ['-o', 'type=none', '-o', `device=${directory}`];
      await host.ok('volume', 'create', ...bind, '-o', 'o=bind', 'bound');
      await host.ok('volume', 'create', ...bind, '-o', 'o=bind,ro,noexec', 'bound-ro');
      expect(await shell('cat /b/file; echo new > /b/new', '-v', 'bound:/b')).toBe('of the host');
      expect(existsSync(join(directory, 'new'))).toBe(true);
      expect(await shell('cat /b/new; echo x > /b/x || echo refused', '-v', 'bound-ro:/b')).toBe(
        'new\nrefused',
      );
      await host.ok('run', '-d', '--name', 'reader', '-v', 'bound-ro:/b', 'busybox', 'sleep', '1000');
      expect(mountsOf('bound-ro').split('\n')).toEqual([expect.stringMatching(/ ro,.*noexec/)]);
      // The second container finds it mounted already, though it is the same file system.
      await host.ok('run', '-d', '--name', 'second', '-v', 'bound-ro:/b', 'busybox', 'sleep', '1000');
      expect(mountsOf('bound-ro').split('\n')).toHaveLength(1);
      await host.ok('rm', '-f', 'reader');
      expect(mountsOf('bound-ro').split('\n')).toHaveLength(1);
      await host.ok('rm', '-f', 'second');
      expect(mountsOf('bound-ro')).toBe('');
      await host.ok('volume', 'rm', 'bound', 'bound-ro');
      // What a volume shows is not its own to delete.
      expect(existsSync(join(directory, 'file'))).toBe(true);
    });

    test('what the mount of a bound directory forbids is forbidden inside', async () => {
      const directory = join(host.root, 'locked');
      mkdirSync(directory);
      host.onHost(`mount --bind ${directory} ${directory}; mount -o remount,bind,ro,noexec ${directory}`);
      const script = 'touch /b/x || echo refused; grep " /b " /proc/mounts';
      expect(await shell(script, '-v', `${directory}:/b`)).toMatch(/^refused\n.* \/b \w+ ro,.*noexec/);
      host.onHost(`umount ${directory}`);
    });

    test("what cannot be mounted says so in Docker's words, and leaves nothing", async () => {
      const bind = ['-o', 'type=none', '-o', 'device=/nosuch/directory', '-o', 'o=bind'];
      await host.ok('volume', 'create', ...bind, 'gone');
      const refused = await host.refused('run', '--name', 'never', '-v', 'gone:/g', 'busybox', 'true');
      expect(refused).toContain(
        `error while mounting volume '${directoryOf('gone')}': failed to mount local volume: ` +
          `mount /nosuch/directory:${directoryOf('gone')}, flags: 0x1000: no such file or directory`,
      );
      await host.ok('rm', 'never');
      await host.ok('volume', 'create', '-o', 'type=nosuchfs', '-o', 'device=/dev/null', 'strange');
      expect(await host.refused('run', '--rm', '-v', 'strange:/g', 'busybox', 'true')).toContain(
        `mount /dev/null:${directoryOf('strange')}: no such device`,
      );
      const nfs = ['-o', 'type=nfs', '-o', 'device=:/exports', '-o', 'o=addr=nosuch.invalid,rw'];
      await host.ok('volume', 'create', ...nfs, 'remote');
      expect(await host.refused('run', '--rm', '-v', 'remote:/g', 'busybox', 'true')).toContain(
        'failed to mount local volume: error resolving passed in network volume address:',
      );
      await host.ok('volume', 'rm', 'gone', 'strange', 'remote');
    });
  });

  describe('cp, of a container that does not run', () => {
    beforeAll(async () => {
      await host.ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', 'cp-ram');
      const volumes = [
        '-v',
        'cp-stock:/stock',
        '-v',
        'cp-seed:/seed',
        '-v',
        'cp-ram:/ram',
        '-v',
        'cp-stock:/locked:ro',
      ];
      await host.ok('create', '--name', 'cupboard', ...volumes, 'seeded');
      writeFileSync(join(host.root, 'sent'), 'content');
    });

    afterAll(async () => {
      await host.ok('rm', '-v', 'cupboard');
      await host.ok('volume', 'rm', 'cp-stock', 'cp-seed', 'cp-ram');
    });

    test('puts files into its volume, not under it', async () => {
      const sent = join(host.root, 'sent');
      await host.ok('cp', sent, 'cupboard:/stock/');
      await host.ok('cp', sent, 'cupboard:/stock/renamed');
      expect(await shell('cat /s/sent /s/renamed', '-v', 'cp-stock:/s')).toBe('contentcontent');
      expect(await host.refused('cp', sent, 'cupboard:/locked/')).toContain(
        'mounted volume is marked read-only',
      );
      expect(await host.refused('cp', sent, 'cupboard:/stock/nosuch/x')).toContain(
        'Could not find the file /stock/nosuch in container cupboard',
      );
    });

    test('gets files out of it: one, the directory, its content', async () => {
      const got = (name: string): string => join(host.root, name);
      await host.ok('cp', 'cupboard:/stock/sent', got('one'));
      await host.ok('cp', 'cupboard:/stock', got('whole'));
      mkdirSync(got('into'));
      await host.ok('cp', 'cupboard:/stock/.', got('into'));
      expect(host.onHost(`cd ${host.root}; cat one; echo; ls whole into`)).toBe(
        'content\ninto:\nrenamed\nsent\n\nwhole:\nrenamed\nsent',
      );
    });

    test('finds a new volume filled from the image, and mounts what has to be mounted', async () => {
      await host.ok('cp', 'cupboard:/seed/a', join(host.root, 'seed'));
      expect(host.onHost(`cat ${host.root}/seed`)).toBe('one');
      await host.ok('cp', join(host.root, 'sent'), 'cupboard:/ram/');
      await expect.poll(() => mountsOf('cp-ram')).toBe('');
    });
  });

  describe('protection and prune', () => {
    test('what a container has is not removed, running or not, forced or not', async () => {
      const id = await host.ok('run', '-d', '--name', 'has', '-v', 'kept:/data', 'busybox', 'sleep', '1000');
      const message = `remove kept: volume is in use - [${id}]`;
      expect(await host.refused('volume', 'rm', 'kept')).toContain(message);
      expect(await host.refused('volume', 'rm', '-f', 'kept')).toContain(message);
      await host.ok('stop', '-t', '0', 'has');
      expect(await host.refused('volume', 'rm', 'kept')).toContain(message);
      expect(await host.ok('volume', 'prune', '-a', '-f')).toBe('Total reclaimed space: 0B');
      await host.ok('rm', 'has');
      expect(await host.ok('volume', 'rm', 'kept')).toBe('kept');
    });

    test('prune takes anonymous ones, with --all named ones, and heeds labels', async () => {
      const anonymous = await host.ok('volume', 'create');
      await host.ok('volume', 'create', '--label', 'keep=1', 'labelled');
      await host.ok('volume', 'create', 'named');
      await shell('dd if=/dev/zero of=/d/x bs=1000 count=5', '-v', 'named:/d');
      expect(await host.ok('volume', 'prune', '-f')).toBe(
        `Deleted Volumes:\n${anonymous}\n\nTotal reclaimed space: 0B`,
      );
      expect(await host.ok('volume', 'prune', '-a', '-f', '--filter', 'label=nothing')).toBe(
        'Total reclaimed space: 0B',
      );
      expect(await host.ok('volume', 'prune', '-a', '-f', '--filter', 'label!=keep')).toBe(
        'Deleted Volumes:\nnamed\n\nTotal reclaimed space: 5kB',
      );
      expect(
        await host.ok('volume', 'prune', '-f', '--filter', 'all=1', '--filter', 'label=keep=1'),
      ).toContain('Deleted Volumes:\nlabelled');
      expect(await host.refused('volume', 'prune', '-f', '--filter', 'until=1h')).toMatch(
        /invalid filter|not supported/,
      );
    });
  });

  test('a volume that is in use outlives the daemon, and is released with its last container', async () => {
    const directory = join(host.root, 'outliving');
    mkdirSync(directory);
    for (const [name, ...options] of [
      ['ram', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m'],
      ['bind', '-o', 'type=none', '-o', `device=${directory}`, '-o', 'o=bind'],
    ]) {
      await host.ok('volume', 'create', ...options, name ?? '');
    }
    const volumes = ['-v', 'ram:/ram', '-v', 'bind:/bind'];
    await host.ok(
      'run',
      '-d',
      '--name',
      'survivor',
      ...volumes,
      'busybox',
      'sh',
      '-c',
      'echo kept > /ram/x; sleep 1000',
    );
    await host.ok('exec', 'survivor', 'test', '-s', '/ram/x');
    await host.killDaemon();
    await host.startDaemon();
    expect(await host.ok('exec', 'survivor', 'cat', '/ram/x')).toBe('kept');
    expect([mountsOf('ram').split('\n').length, mountsOf('bind').split('\n').length]).toEqual([1, 1]);
    expect(await host.refused('volume', 'rm', 'ram')).toContain('volume is in use');
    // A newcomer shares what is mounted.
    expect(await shell('cat /ram/x', '-v', 'ram:/ram')).toBe('kept');
    expect(mountsOf('ram').split('\n')).toHaveLength(1);
    await host.ok('rm', '-f', 'survivor');
    expect([mountsOf('ram'), mountsOf('bind')]).toEqual(['', '']);
    await host.ok('volume', 'rm', 'ram', 'bind');
  });

  test('a volume whose last container ended while the daemon was away is unmounted', async () => {
    await host.ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', 'left');
    await host.ok('run', '-d', '--name', 'ending', '-v', 'left:/left', 'busybox', 'sleep', '1000');
    const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', 'ending');
    await host.killDaemon();
    host.onHost(`kill -9 ${pid}`);
    await host.startDaemon();
    await expect.poll(() => host.ok('inspect', '-f', '{{.State.Status}}', 'ending')).toBe('exited');
    await expect.poll(() => mountsOf('left')).toBe('');
    await host.ok('rm', 'ending');
    await host.ok('volume', 'rm', 'left');
  });
});
