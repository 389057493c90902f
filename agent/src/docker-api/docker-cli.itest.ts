import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SwarmdFixture, hasDockerCli, onTerminal } from './testing/swarmd-fixture.ts';

/** The unmodified docker CLI against the real engine and networks. Needs root. */
describe.skipIf(!hasDockerCli())('docker CLI', () => {
  let host: SwarmdFixture;

  beforeAll(async () => {
    host = await SwarmdFixture.start();
  });

  afterAll(async () => {
    await host.stop();
  });

  test('version and info tell client and server apart', async () => {
    expect(await host.ok('version', '--format', '{{.Server.Platform.Name}} {{.Server.APIVersion}}')).toBe(
      'Skep 1.51',
    );
    const info = await host.ok('info', '--format', '{{.Driver}} {{.Swarm.LocalNodeState}} {{.OSType}}');
    expect(info).toBe('overlay2 inactive linux');
  });

  describe('run', () => {
    test.each([
      [['sh', '-c', 'echo out; echo err >&2; exit 42'], 42, 'out\n', 'err\n'],
      [['true'], 0, '', ''],
    ])('%o', async (command, code, stdout, stderr) => {
      const result = await host.docker(['run', '--rm', 'busybox', ...command]);
      expect(result).toEqual({ code, stdout, stderr });
    });

    test('a command that is not there ends with 127, and --rm leaves nothing', async () => {
      const result = await host.docker(['run', '--rm', '--name', 'bad-command', 'busybox', 'nosuch']);
      expect(result.code).toBe(127);
      expect(result.stderr).toContain('exec: "nosuch": executable file not found in $PATH');
      expect(result.stderr).not.toContain('Error waiting for container');
      expect(await host.ok('ps', '-aq', '--filter', 'name=bad-command')).toBe('');
    });

    test('standard input of many megabytes arrives whole', async () => {
      const input = Buffer.alloc(20_000_000, 'skep');
      const result = await host.docker(['run', '--rm', '-i', 'busybox', 'wc', '-c'], { input });
      expect(result).toEqual({ code: 0, stdout: '20000000\n', stderr: '' });
    });

    test('input that nobody reads neither hurts the output nor the daemon', async () => {
      const input = Buffer.alloc(300_000);
      for (let i = 0; i < 5; i += 1) {
        const result = await host.docker(['run', '--rm', '-i', 'busybox', 'echo', 'out'], { input });
        expect(result).toEqual({ code: 0, stdout: 'out\n', stderr: '' });
      }
    });

    test('output goes on after the process has closed its input', async () => {
      const script = 'exec 0<&-; sleep 0.2; echo late';
      const result = await host.docker(['run', '--rm', '-i', 'busybox', 'sh', '-c', script], {
        input: Buffer.alloc(300_000),
      });
      expect(result).toEqual({ code: 0, stdout: 'late\n', stderr: '' });
    });

    test('a terminal is a terminal', () => {
      const output = onTerminal(
        host,
        'docker run --rm -it busybox sh -c "test -t 0 && test -t 1 && echo tty"',
      );
      expect(output).toContain('tty');
    });

    test('an image that is nowhere is an error, not a hang', async () => {
      const result = await host.docker(['run', '--rm', 'localhost:1/nosuch:1', 'true']);
      expect(result.code).toBe(125);
      expect(result.stderr).toContain("Unable to find image 'localhost:1/nosuch:1' locally");
    });

    test('a container on a network of its own can be restarted at once, again and again', async () => {
      await host.ok('network', 'create', 'again');
      await host.ok('run', '-d', '--name', 'again', '--network', 'again', 'busybox', 'sleep', '1000');
      for (let i = 0; i < 8; i += 1) {
        await host.ok('restart', '-t', '0', 'again');
        expect(await host.ok('inspect', '-f', '{{.State.Status}}', 'again')).toBe('running');
      }
      await host.ok('rm', '-f', 'again');
      await host.ok('network', 'rm', 'again');
    });

    test('settings come back from inspect', async () => {
      await host.ok(
        ...['run', '-d', '--name', 'settings', '-p', '8080:80', '-e', 'A=1', '-v', 'settings-data:/data'],
        ...['--label', 'x=y', '--memory', '64m', '--cap-drop', 'ALL', '--restart', 'on-failure:3'],
        ...['--tmpfs', '/t:size=1m', 'busybox', 'sleep', '1000'],
      );
      const [inspect] = JSON.parse(await host.ok('inspect', 'settings'));
      expect(inspect).toMatchObject({
        State: { Status: 'running', Running: true },
        Config: { Image: 'busybox', Cmd: ['sleep', '1000'], Labels: { x: 'y' } },
        HostConfig: {
          Memory: 67_108_864,
          CapDrop: ['ALL'],
          RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
          Binds: ['settings-data:/data'],
          PortBindings: { '80/tcp': [{ HostPort: '8080' }] },
        },
        NetworkSettings: { Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] } },
      });
      expect(inspect.NetworkSettings.Networks.bridge.IPAddress).toMatch(/^172\.17\.0\.\d+$/);
      expect(await host.ok('port', 'settings')).toBe('80/tcp -> 0.0.0.0:8080');
      expect(await host.ok('ps', '--filter', 'label=x=y', '--format', '{{.Names}} {{.Ports}}')).toBe(
        'settings 0.0.0.0:8080->80/tcp',
      );
      await host.ok('update', '--memory', '128m', '--memory-swap', '128m', 'settings');
      expect(await host.ok('inspect', '-f', '{{.HostConfig.Memory}}', 'settings')).toBe('134217728');
      await host.ok('rm', '-f', 'settings');
      expect(await host.ok('volume', 'rm', 'settings-data')).toBe('settings-data');
    });
  });

  describe('a running container', () => {
    beforeAll(async () => {
      await host.ok('run', '-d', '--name', 'box', 'busybox', 'sleep', '1000');
    });

    afterAll(async () => {
      await host.ok('rm', '-f', 'box');
    });

    test('exec carries streams, user, directory and exit code', async () => {
      const script = 'pwd; id -un; echo $B; cat; echo oops >&2; exit 3';
      const result = await host.docker(
        ['exec', '-i', '-w', '/tmp', '-u', 'nobody', '-e', 'B=2', 'box', 'sh', '-c', script],
        { input: 'typed\n' },
      );
      expect(result).toEqual({ code: 3, stdout: '/tmp\nnobody\n2\ntyped\n', stderr: 'oops\n' });
    });

    test('exec of nothing that exists ends with 127', async () => {
      const result = await host.docker(['exec', 'box', 'nosuch']);
      expect([result.code, result.stdout + result.stderr]).toEqual([
        127,
        expect.stringContaining('not found'),
      ]);
    });

    test('exec on a terminal', () => {
      // The end of the test's own input reaches the terminal while the command ends: nothing may get lost.
      for (let i = 0; i < 5; i += 1) {
        expect(onTerminal(host, 'docker exec -it box sh -c "test -t 0 && echo tty"')).toContain('tty');
      }
    });

    test('cp goes both ways', async () => {
      const [sent, got] = [join(host.root, 'sent'), join(host.root, 'got')];
      await writeFile(sent, 'content');
      await host.ok('cp', sent, 'box:/tmp/file');
      expect(await host.ok('exec', 'box', 'cat', '/tmp/file')).toBe('content');
      await host.ok('cp', 'box:/tmp/file', got);
      expect(await readFile(got, 'utf8')).toBe('content');
      expect((await host.docker(['cp', 'box:/nosuch', got])).stderr).toMatch(
        /Could not find the file \/nosuch/,
      );
    });

    test('top, stats, pause and unpause', async () => {
      expect(await host.ok('top', 'box')).toContain('sleep 1000');
      expect(await host.ok('top', 'box', '-o', 'pid,user,args')).toMatch(
        /^PID +USER +COMMAND\n\d+ +root +sleep 1000$/,
      );
      expect(await host.ok('top', 'box', 'aux')).toContain('sleep 1000');
      expect(await host.ok('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'box')).toBe('box 1');
      await host.ok('pause', 'box');
      expect(await host.ok('ps', '--format', '{{.Status}}', '--filter', 'name=box')).toMatch(/\(Paused\)$/);
      expect((await host.docker(['exec', 'box', 'true'])).stderr).toMatch(/is paused, unpause the container/);
      await host.ok('unpause', 'box');
    });

    test('is not removed while it runs, nor named twice', async () => {
      expect((await host.docker(['rm', 'box'])).stderr).toContain('container is running');
      const again = await host.docker(['create', '--name', 'box', 'busybox']);
      expect(again.stderr).toContain('Conflict. The container name "/box" is already in use by container');
    });
  });

  test('logs follow, count, and tell times', async () => {
    await host.ok(
      'run',
      '-d',
      '--name',
      'talk',
      'busybox',
      'sh',
      '-c',
      'for i in 1 2 3; do echo $i; sleep 0.1; done',
    );
    expect(await host.ok('logs', '-f', 'talk')).toBe('1\n2\n3');
    expect(await host.ok('logs', '--tail', '1', '-t', 'talk')).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{18}Z 3$/);
    expect(await host.ok('wait', 'talk')).toBe('0');
    expect(await host.ok('ps', '-a', '--filter', 'name=talk', '--format', '{{.Status}}')).toMatch(
      /^Exited \(0\)/,
    );
    await host.ok('rm', 'talk');
  });

  test('attach waits for the end and has its exit code', async () => {
    await host.ok('run', '-d', '--name', 'late', 'busybox', 'sh', '-c', 'sleep 0.5; echo attached; exit 5');
    const attached = await host.docker(['attach', 'late']);
    expect([attached.code, attached.stdout]).toEqual([5, 'attached\n']);
    await host.ok('rm', 'late');
  });

  test('names, signals and states', async () => {
    await host.ok('run', '-d', '--name', 'first', 'busybox', 'sleep', '1000');
    await host.ok('rename', 'first', 'second');
    await host.ok('kill', 'second');
    expect(await host.ok('wait', 'second')).toBe('137');
    expect((await host.docker(['kill', 'second'])).stderr).toContain('is not running');
    await host.ok('start', 'second');
    await host.ok('restart', '-t', '0', 'second');
    await host.ok('stop', '-t', '0', 'second');
    await host.ok('rm', 'second');
    expect((await host.docker(['inspect', 'second'])).stderr).toContain('No such object: second');
    expect((await host.docker(['logs', 'second'])).stderr).toContain('No such container: second');
  });

  test('a network of their own lets containers find each other by name', async () => {
    await host.ok('network', 'create', '--label', 'a=b', 'appnet');
    await host.ok(
      'run',
      '-d',
      '--name',
      'server',
      '--network',
      'appnet',
      '--network-alias',
      'db',
      'busybox',
      'sleep',
      '100',
    );
    const ping = ['run', '--rm', '--network', 'appnet', 'busybox', 'ping', '-c1', '-W2', 'db'];
    expect(await host.ok(...ping)).toContain('1 packets received');
    expect((await host.docker(['network', 'rm', 'appnet'])).stderr).toContain('has active endpoints');
    await host.ok('network', 'disconnect', 'appnet', 'server');
    await host.ok('network', 'connect', '--alias', 'again', 'appnet', 'server');
    await host.ok('rm', '-f', 'server');
    await host.ok('network', 'rm', 'appnet');
    const missing = await host.docker(['run', '--rm', '--network', 'appnet', 'busybox', 'true']);
    expect([missing.code, missing.stderr]).toEqual([
      125,
      expect.stringContaining('network appnet not found'),
    ]);
    expect(missing.stderr).not.toContain('Unable to find image');
  });

  test('images are tagged, committed, saved, loaded and removed', async () => {
    await host.ok('run', '--name', 'maker', 'busybox', 'sh', '-c', 'echo made > /made');
    await host.ok('commit', '-m', 'made', '-a', 'Ada', 'maker', 'my/image:1');
    await host.ok('rm', 'maker');
    expect(await host.ok('inspect', '-f', '{{.Comment}} by {{.Author}}', 'my/image:1')).toBe('made by Ada');
    expect(await host.ok('history', '--format', '{{.Comment}}', 'my/image:1')).toMatch(/^made\n/);
    expect(await host.ok('run', '--rm', 'my/image:1', 'cat', '/made')).toBe('made');
    const archive = join(host.root, 'saved.tar');
    await host.ok('save', '-o', archive, 'my/image:1');
    await host.ok('rmi', 'my/image:1');
    expect(await host.ok('load', '-i', archive)).toBe('Loaded image: my/image:1');
    expect(
      await host.ok('images', '--filter', 'reference=my/*', '--format', '{{.Repository}}:{{.Tag}}'),
    ).toBe('my/image:1');
    await host.ok('rmi', 'my/image:1');
    expect((await host.docker(['history', 'my/image:1'])).stderr).toContain('No such image: my/image:1');
  });

  test('events tell the life of a container', async () => {
    const since = String(Date.now() / 1000);
    await host.ok('run', '--rm', '--name', 'lived', 'busybox', 'true');
    const format = '{{.Action}}';
    const filters = ['--filter', 'type=container', '--filter', 'container=lived'];
    await expect
      .poll(() => host.ok('events', '--since', since, '--until', '0s', '--format', format, ...filters), {
        timeout: 15_000,
      })
      .toBe('create\nattach\nstart\ndie\ndestroy');
  });

  test('whoever leaves by the detach keys is told of, and the process goes on', async () => {
    const since = String(Date.now() / 1000);
    await host.ok('run', '-dit', '--name', 'left', 'busybox', 'cat');
    // The client's own exit code for this is 1.
    onTerminal(host, 'docker attach --detach-keys=a,b left || true', 'ab');
    onTerminal(host, 'docker exec -it --detach-keys=a,b left cat || true', 'ab');
    const filters = [
      '--filter',
      'container=left',
      '--filter',
      'event=detach',
      '--filter',
      'event=exec_detach',
    ];
    await expect
      .poll(
        () => host.ok('events', '--since', since, '--until', '0s', '--format', '{{.Action}}', ...filters),
        { timeout: 15_000 },
      )
      .toBe('detach\nexec_detach');
    expect(await host.ok('inspect', '-f', '{{.State.Status}}', 'left')).toBe('running');
    await host.ok('rm', '-f', 'left');
  });

  test('the cgroup namespace is the one asked for, and else the default of the host', async () => {
    const isUnified = (await host.ok('info', '--format', '{{.CgroupVersion}}')) === '2';
    for (const [given, mode] of [
      [[], isUnified ? 'private' : 'host'],
      [['--cgroupns=private'], 'private'],
      [['--cgroupns=host'], 'host'],
    ] as const) {
      await host.ok('run', '-d', '--name', 'grouped', ...given, 'busybox', 'sleep', '1000');
      expect(await host.ok('inspect', '-f', '{{.HostConfig.CgroupnsMode}}', 'grouped')).toBe(mode);
      const own = await host.ok('exec', 'grouped', 'sh', '-c', 'grep -cv ":/$" /proc/self/cgroup || true');
      expect(own === '0').toBe(mode === 'private');
      await host.ok('rm', '-f', 'grouped');
    }
  });

  test('a container has its mark, in what is exported too, and diff says nothing of it', async () => {
    await host.ok('run', '--name', 'marked', 'busybox', 'sh', '-c', 'test -f /.dockerenv && echo > /made');
    expect(await host.ok('wait', 'marked')).toBe('0');
    expect(await host.ok('diff', 'marked')).toBe('A /made');
    const archive = join(host.root, 'exported.tar');
    await host.ok('export', '-o', archive, 'marked');
    expect(execFileSync('tar', ['-tf', archive], { encoding: 'utf8' }).split('\n')).toContain('.dockerenv');
    await host.ok('rm', 'marked');
  });

  test('swarm commands outside a swarm say what to do', async () => {
    for (const command of [
      ['node', 'ls'],
      ['service', 'ls'],
      ['network', 'create', '-d', 'overlay', 'x'],
    ]) {
      expect((await host.docker(command)).stderr).toContain(
        'This node is not a swarm manager. Use "docker swarm init"',
      );
    }
  });
});
