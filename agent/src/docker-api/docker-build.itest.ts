import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { until } from '../engine/testing/engine-fixture.ts';
import { SwarmdFixture, hasDockerCli, type CliResult } from './testing/swarmd-fixture.ts';

const BUILD_TIMEOUT_MS = 120_000;

/** `docker build` by the unmodified docker CLI, against the real builder. Needs root, buildah and git. */
describe.skipIf(!hasDockerCli())('docker build', () => {
  let host: SwarmdFixture;
  let context: string;

  beforeAll(async () => {
    host = await SwarmdFixture.start();
  });

  afterAll(async () => {
    await host.stop();
  });

  beforeEach(async () => {
    context = await mkdtemp(join(host.root, 'context-'));
  });

  async function files(entries: Record<string, string>): Promise<void> {
    for (const [name, text] of Object.entries(entries)) {
      await mkdir(join(context, name, '..'), { recursive: true });
      await writeFile(join(context, name), text);
    }
  }

  function build(...args: string[]): Promise<CliResult> {
    return host.docker(['build', ...args, context], { timeoutMs: BUILD_TIMEOUT_MS });
  }

  async function built(...args: string[]): Promise<string> {
    const result = await build(...args);
    expect(result, result.stderr).toMatchObject({ code: 0 });
    return result.stdout;
  }

  const run = (image: string, script: string): Promise<string> =>
    host.ok('run', '--rm', '--network', 'none', image, 'sh', '-c', script);

  function leftBehind(): string[] {
    const builds = join(host.root, 'data/engine/builds/work');
    const processes = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/cmdline`))
      .filter((pid) => /buildah/.test(commandLine(pid)) && commandLine(pid).includes(host.root));
    return [...(existsSync(builds) ? readdirSync(builds) : []), ...processes];
  }

  test('every common instruction does what it says', async () => {
    await files({
      Dockerfile: [
        'ARG BASE=nosuch',
        'FROM ${BASE} AS one',
        'ARG GREETING=hello',
        'WORKDIR /work',
        'RUN echo $GREETING > greeting && id -u > uid',
        'FROM busybox:latest AS two',
        'LABEL origin=file',
        'ENV A=1 B="two words"',
        'COPY --from=one /work/greeting /greeting',
        'COPY --chown=7:8 sub/ /sub/',
        'ADD archive.tar.gz /unpacked/',
        'SHELL ["/bin/sh", "-ec"]',
        'RUN test ! -e /sub/ignored && echo "$B" > /b',
        'HEALTHCHECK --interval=7s --retries=2 CMD test -e /b',
        'ONBUILD USER 0',
        'ONBUILD RUN touch /triggered',
        'VOLUME /data',
        'EXPOSE 80/udp',
        'USER 7',
        'STOPSIGNAL SIGINT',
        'CMD ["cat", "/b"]',
        'FROM two AS three',
        'RUN false',
      ].join('\n'),
      '.dockerignore': 'sub/ignored\n',
      'sub/file': 'kept',
      'sub/ignored': 'not wanted',
      'inside.txt': 'from an archive',
    });
    execFileSync('tar', ['-czf', 'archive.tar.gz', 'inside.txt'], { cwd: context });
    const output = await built(
      ...['-t', 'app:1', '-t', 'other/app', '--target', 'two', '--build-arg', 'BASE=busybox'],
      ...['--build-arg', 'GREETING=bonjour', '--label', 'origin2=flag'],
    );
    expect(output).toContain('Step 1/4 : FROM ${BASE} AS one');
    expect(output).toMatch(
      /Successfully built [0-9a-f]{12}\nSuccessfully tagged app:1\nSuccessfully tagged other\/app:latest\n$/,
    );
    const script =
      'cat /greeting /b; stat -c %u:%g /sub/file; cat /unpacked/inside.txt; echo; id -u; echo $A';
    expect(await run('app:1', script)).toBe('bonjour\ntwo words\n7:8\nfrom an archive\n7\n1');
    const [image] = JSON.parse(await host.ok('image', 'inspect', 'app:1'));
    expect(image.Config).toMatchObject({
      Healthcheck: { Test: ['CMD-SHELL', 'test -e /b'], Interval: 7_000_000_000, Retries: 2 },
      OnBuild: ['USER 0', 'RUN touch /triggered'],
      Labels: { origin: 'file', origin2: 'flag' },
      Volumes: { '/data': {} },
      ExposedPorts: { '80/udp': {} },
      StopSignal: 'SIGINT',
      Shell: ['/bin/sh', '-ec'],
      User: '7',
    });
    expect(image.Config.Labels).not.toHaveProperty('io.buildah.version');
    await files({ Dockerfile: 'FROM app:1\nRUN test -e /triggered' });
    await rm(join(context, '.dockerignore'));
    await built('-t', 'child');
    // Upkeep follows each build, after its answer.
    await expect.poll(leftBehind, { timeout: 20_000 }).toEqual([]);
  });

  test('a second build takes everything from the cache, --no-cache nothing', async () => {
    await files({
      Dockerfile: 'FROM busybox\nCOPY file /file\nRUN cat /proc/sys/kernel/random/uuid > /random',
      file: 'a',
    });
    const first = await built('-q');
    expect(await built('-q')).toBe(first);
    expect(await built('-t', 'cached')).toContain('---> Using cache');
    await files({ file: 'b' });
    expect(await built('-q')).not.toBe(first);
    await files({ file: 'a' });
    expect(await built('-q')).toBe(first);
    expect(await built('-q', '--no-cache')).not.toBe(first);
    const usage = await host.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Size}}');
    expect(usage).toMatch(/Build Cache [1-9]\d* [1-9]/);
    expect(await host.ok('builder', 'prune', '-f', '--all')).toMatch(
      /Total reclaimed space: [1-9]|Total:\s+[1-9]/,
    );
    expect(await host.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}}')).toContain('Build Cache 0');
    expect(await run('cached', 'cat /file')).toBe('a');
    expect(await built('-t', 'cached')).not.toContain('---> Using cache');
  });

  describe('--cache-from', () => {
    /** Each RUN that is really run leaves another text. */
    const uuid = 'cat /proc/sys/kernel/random/uuid';
    const DOCKERFILE = [
      'FROM busybox',
      'LABEL origin=cached',
      'ARG WHO=me',
      'ENV FIRST=1 SECOND="two words"',
      'COPY file /file',
      `RUN echo $WHO $SECOND > /who; ${uuid} > /one`,
      'ENV FIRST=$SECOND',
      'WORKDIR /work',
      `RUN ${uuid} > /two`,
      'CMD ["cat", "/one"]',
    ];

    async function forget(): Promise<void> {
      await host.ok('builder', 'prune', '-f', '--all');
      expect(await host.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}}')).toContain(
        'Build Cache 0',
      );
    }

    test('an image that came from elsewhere gives all steps, or those before the first other one', async () => {
      await files({ Dockerfile: DOCKERFILE.join('\n'), file: 'a' });
      const first = (await built('-q', '-t', 'source')).trim();
      const [one, two] = [await run('source', 'cat /one'), await run('source', 'cat /two')];
      const archive = join(host.root, 'source.tar');
      await host.ok('save', '-o', archive, 'source');
      await host.ok('rmi', 'source');
      await forget();
      await host.ok('load', '-i', archive);

      const whole = await built('-t', 'whole', '--cache-from', 'source');
      expect(whole.match(/Using cache/g)).toHaveLength(DOCKERFILE.length - 1);
      expect(await host.ok('inspect', '-f', '{{.Id}}', 'whole')).toBe(first);

      await forget();
      const changed = DOCKERFILE.with(8, `RUN ${uuid} > /three`);
      await files({ Dockerfile: changed.join('\n') });
      const part = await built('-t', 'part', '--cache-from', 'source');
      expect(part.match(/Using cache/g)).toHaveLength(7);
      expect(await run('part', 'cat /one; pwd; echo $FIRST; ls /two 2>&1; true')).toBe(
        `${one}\n/work\ntwo words\nls: /two: No such file or directory`,
      );
      expect(await host.ok('inspect', '-f', '{{.Config.Labels.origin}} {{.Config.Cmd}}', 'part')).toBe(
        'cached [cat /one]',
      );

      await forget();
      await files({ Dockerfile: DOCKERFILE.join('\n') });
      expect(await built('-t', 'anew', '--cache-from', 'source', '--no-cache')).not.toContain('Using cache');
      await files({ file: 'b' });
      const late = await built('-t', 'late', '--cache-from', 'nosuch', '--cache-from', 'source');
      expect(late).toContain(
        'WARNING: --cache-from nosuch is not used: it is not on this host; pull it first\n',
      );
      expect(late.match(/Using cache/g)).toHaveLength(3);
      expect(await run('late', 'cat /two')).not.toBe(two);
    });

    test('an image of which no step can be told says so, and the build goes on', async () => {
      await files({ Dockerfile: `FROM busybox\nRUN ${uuid} > /one\nRUN true` });
      const output = await built('-t', 'other', '--cache-from', 'busybox');
      expect(output).toContain('WARNING: --cache-from busybox is not used: it is not built on an image');
      expect(output).toContain('Successfully tagged other:latest');
    });
  });

  test('what fails says what and how', async () => {
    await files({ Dockerfile: 'FROM busybox\nRUN echo before; echo oops >&2; exit 7' });
    const failed = await build();
    expect(failed.code).toBe(7);
    expect(failed.stdout + failed.stderr).toContain('oops');
    expect(failed.stderr).toContain(
      "The command '/bin/sh -c echo before; echo oops >&2; exit 7' returned a non-zero code: 7",
    );
    await files({ Dockerfile: 'FROM busybox\nCOPY nosuch /x' });
    expect((await build()).stderr).toContain('stat nosuch: file does not exist');
    await files({ Dockerfile: 'FROM busybox\nNONSENSE x' });
    expect((await build()).stderr).toContain('unknown instruction: NONSENSE');
    await files({ Dockerfile: 'FROM localhost:1/nosuch' });
    expect((await build()).stderr).toMatch(/localhost:1/);
    await files({ Dockerfile: 'FROM busybox' });
    expect((await build('--target', 'nosuch')).stderr).toContain('failed to reach build target nosuch');
    expect((await build('-f', 'Nosuch')).stderr).toMatch(/Nosuch/);
    expect((await build('-t', 'UPPER')).stderr).toMatch(/repository name must be lowercase|invalid/);
    // Upkeep follows each build, after its answer.
    await expect.poll(leftBehind, { timeout: 20_000 }).toEqual([]);
  });

  test('RUN is isolated, has the network of a container, and keeps to limits', async () => {
    await files({
      Dockerfile: [
        'FROM busybox',
        'RUN grep -E "^(CapBnd|Seccomp):" /proc/self/status > /status',
        'RUN ! dd if=/dev/mem count=1 && mknod /tmp/disk b 254 0 && ! head -c1 /tmp/disk && rm /tmp/disk',
        'RUN ls /proc | grep -c "^[0-9]*$" > /processes; ip -o addr > /addresses; cat /etc/hosts > /seen-hosts',
        'RUN cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max > /limit 2>/dev/null || true',
      ].join('\n'),
    });
    await built('-t', 'seen', '--memory', '64m', '--add-host', 'known:10.1.2.3');
    expect(await run('seen', 'cat /status')).toBe('CapBnd:\t00000000a80425fb\nSeccomp:\t2');
    expect(Number(await run('seen', 'cat /processes'))).toBeLessThan(10);
    expect(await run('seen', 'cat /addresses')).toMatch(/eth0\s+inet 172\.17\./);
    expect(await run('seen', 'cat /seen-hosts')).toMatch(/10\.1\.2\.3\s+known/);
    expect(await run('seen', 'cat /limit')).toBe('67108864');
    await built('-t', 'alone', '--network', 'none', '--no-cache');
    expect(await run('alone', 'cat /addresses')).not.toContain('eth0');
  });

  test('nothing in a context leads out of it', async () => {
    await symlink('/etc/passwd', join(context, 'link'));
    await files({ Dockerfile: 'FROM busybox\nCOPY link /stolen\nRUN cat /stolen' });
    expect((await build()).code).not.toBe(0);
    await files({ Dockerfile: 'FROM busybox\nCOPY ../../../../../../etc/passwd /stolen' });
    expect((await build()).code).not.toBe(0);
    await rm(join(context, 'Dockerfile'));
    await symlink('/etc/hostname', join(context, 'Dockerfile'));
    expect((await build()).code).not.toBe(0);
  });

  test('a client that goes away ends its build', async () => {
    await files({ Dockerfile: 'FROM busybox\nRUN echo started; sleep 1000' });
    const client = spawn('docker', ['build', context], {
      env: {
        ...process.env,
        DOCKER_HOST: `unix://${host.socketPath}`,
        DOCKER_CONFIG: join(host.root, 'cli'),
      },
    });
    for await (const chunk of client.stdout as AsyncIterable<Buffer>) {
      if (/^started$/m.test(chunk.toString())) {
        break;
      }
    }
    expect(leftBehind()).not.toEqual([]);
    client.kill('SIGKILL');
    await once(client, 'close');
    await until(() => leftBehind().length === 0);
    await files({ Dockerfile: 'FROM busybox\nRUN true' });
    await built();
  });

  test('a git repository is a context', async () => {
    const served = await mkdtemp(join(host.root, 'git-'));
    const git = (...args: string[]): string =>
      execFileSync(
        'git',
        ['-c', 'user.name=t', '-c', 'user.email=t@t', '-C', join(served, 'repo.git'), ...args],
        {
          encoding: 'utf8',
        },
      );
    execFileSync('git', ['init', '-q', '-b', 'main', join(served, 'repo.git')]);
    await mkdir(join(served, 'repo.git/sub'));
    await writeFile(join(served, 'repo.git/sub/Dockerfile'), 'FROM busybox\nCOPY file /from-git');
    await writeFile(join(served, 'repo.git/sub/file'), 'committed');
    git('add', '.');
    git('commit', '-qm', 'one');
    const daemon = host.inNamespaces('git', [
      ...['daemon', '--reuseaddr', '--listen=127.0.0.1', '--port=9418', '--export-all', '--verbose'],
      ...[`--base-path=${served}`, served],
    ]);
    try {
      await until(() => daemon.output().includes('Ready to rumble'));
      const answer = await host.post(
        `/build?t=from-git&remote=${encodeURIComponent('git://127.0.0.1/repo.git#main:sub')}`,
      );
      expect(answer).toContain('Successfully tagged from-git:latest');
      expect(await run('from-git', 'cat /from-git')).toBe('committed');
      const missing = await host.post(
        `/build?remote=${encodeURIComponent('git://127.0.0.1/repo.git#nosuch')}`,
      );
      expect(missing).toContain('fetching the git repository failed');
    } finally {
      await daemon.stop();
    }
  });
});

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    // It has ended meanwhile.
    return error instanceof Error ? '' : String(error);
  }
}
