import { describe, expect, test } from 'vitest';

import { agentPaths, readCommandLine } from './config.ts';

describe('readCommandLine', () => {
  test('derives all paths from the two roots', () => {
    const line = readCommandLine(['--data-root=/d', '--run-root', '/r', '--label', 'a=b=c', '--hostname=h1']);
    expect(line).toMatchObject({
      kind: 'run',
      config: { dataRoot: '/d', runRoot: '/r', labels: { a: 'b=c' } },
    });
    if (line.kind === 'run') {
      expect(agentPaths(line.config)).toMatchObject({
        nodeDir: '/d/node',
        apiSocket: '/r/skep.sock',
        dockerSocket: '/r/docker.sock',
        managerSocket: '/r/manager/manager.sock',
        pidFile: '/r/swarmd.pid',
      });
    }
  });

  test.each([
    [['--data-root=relative'], '--data-root "relative": must be an absolute path'],
    [['--listen-addr=2377'], '--listen-addr "2377": must be HOST:PORT'],
    [['--listen-addr=0.0.0.0:70000'], 'port is over 65535'],
    [['--hostname=-x'], 'must be a host name'],
    [['--label=novalue'], 'must be KEY=VALUE'],
    [['--parallel-starts=0'], '--parallel-starts'],
    [['--registry-mirror=mirror.lan'], '--registry-mirror ["mirror.lan"]: must be URL or DOMAIN=URL'],
    [['--registry-mirror=https://mirror.lan/path'], 'the URL without a path'],
    [['--registry-mirror=https://me:secret@mirror.lan'], 'the URL without a path'],
    [['--registry-certs=certs'], '--registry-certs "certs": must be an absolute path'],
    [['--userns-remap=a:b:c'], '--userns-remap "a:b:c": must be default, user[:group] or uid[:gid]'],
    [['--image-gc=80:90'], '--image-gc "80:90": must be off or HIGH:LOW, with 0 < LOW < HIGH <= 100'],
    [['--image-gc=101:90'], '--image-gc'],
    [['--image-gc=90'], '--image-gc'],
    [['--nonsense'], '--nonsense'],
  ])('%j is refused by name', (args, message) => {
    expect(() => readCommandLine(args)).toThrow(message);
  });

  test.each([
    [[], { highPercent: 90, lowPercent: 80 }],
    [['--image-gc=70:60'], { highPercent: 70, lowPercent: 60 }],
    [['--image-gc=off'], { highPercent: 0, lowPercent: 0 }],
  ])('%j: when images are collected', (args, imageGc) => {
    expect(readCommandLine(args)).toMatchObject({ config: { imageGc } });
  });

  test('mirrors are of Docker Hub unless they name another registry', () => {
    const mirrors = [
      'https://first.lan',
      'registry.lan:5000=http://10.0.0.1:80/',
      'https://second.lan:5000/',
    ];
    expect(readCommandLine(mirrors.map((text) => `--registry-mirror=${text}`))).toMatchObject({
      config: {
        registryMirrors: {
          'docker.io': ['https://first.lan', 'https://second.lan:5000'],
          'registry.lan:5000': ['http://10.0.0.1:80'],
        },
        registryCertificates: '/etc/docker/certs.d',
      },
    });
  });

  test('help and version come first', () => {
    expect(readCommandLine(['--help'])).toEqual({ kind: 'help' });
    expect(readCommandLine(['--version'])).toEqual({ kind: 'version' });
  });
});
