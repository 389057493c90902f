import { DockerContainerCreate, parseBody } from '@skep/docker-api';
import { describe, expect, test } from 'vitest';

import type { ContainerState } from '../../engine/container-api.ts';
import { checkContainerName, containerConfigOf } from './container-config.ts';
import { statusSentence } from './container-json.ts';
import { humanDuration } from './human-duration.ts';
import { mountOf, parseBind } from './mount-config.ts';
import { withProtocol } from './port.ts';
import { matchesReference } from './reference-pattern.ts';

const configOf = (body: object): ReturnType<typeof containerConfigOf> => {
  const { echo: _echo, ...config } = containerConfigOf(
    parseBody(DockerContainerCreate, { Image: 'busybox', ...body }),
    { echo: null },
  );
  return config;
};

describe('create bodies', () => {
  test('the body of `docker run` with many flags', () => {
    const config = configOf({
      Hostname: 'h',
      User: '1000:1000',
      Env: ['A=1'],
      Cmd: ['sh', '-c', 'true'],
      Entrypoint: ['/entry'],
      WorkingDir: '/w',
      Labels: { a: 'b' },
      Tty: true,
      OpenStdin: true,
      StdinOnce: true,
      StopSignal: 'SIGINT',
      StopTimeout: 3,
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/anon': {} },
      Healthcheck: { Test: ['CMD', 'true'], Interval: 2_000_000_000, Retries: 2 },
      HostConfig: {
        AutoRemove: true,
        NetworkMode: 'front',
        PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8000-8010' }], '53/udp': [{}] },
        RestartPolicy: { Name: '', MaximumRetryCount: 0 },
        Memory: 1 << 26,
        NanoCpus: 1.5e9,
        PidsLimit: -1,
        Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
        Devices: [{ PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' }],
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        Tmpfs: { '/run': 'size=1m,mode=1777' },
        Dns: ['1.1.1.1'],
        ExtraHosts: ['db:10.0.0.1'],
        PidMode: 'host',
        ShmSize: 1 << 20,
        Init: true,
        ReadonlyRootfs: true,
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
      },
      NetworkingConfig: {
        EndpointsConfig: { front: { Aliases: ['x'], IPAMConfig: { IPv4Address: '10.1.0.9' } }, back: null },
      },
    });
    expect(config).toMatchObject({
      image: 'busybox',
      hostname: 'h',
      user: '1000:1000',
      cmd: ['sh', '-c', 'true'],
      entrypoint: ['/entry'],
      tty: true,
      stopTimeoutSeconds: 3,
      anonymousVolumes: ['/anon'],
      healthcheck: { test: ['CMD', 'true'], intervalMs: 2000, retries: 2 },
      autoRemove: true,
      restartPolicy: { name: 'no', maximumRetryCount: 0 },
      resources: {
        memoryBytes: 1 << 26,
        nanoCpus: 1.5e9,
        shmBytes: 1 << 20,
        ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
        devices: [{ pathOnHost: '/dev/fuse' }],
      },
      security: { capDrop: ['ALL'], options: ['no-new-privileges'] },
      mounts: [{ type: 'tmpfs', target: '/run', options: ['size=1m', 'mode=1777'] }],
      network: {
        mode: 'front',
        attachments: [{ network: 'front', aliases: ['x'], ipv4Address: '10.1.0.9' }, { network: 'back' }],
        publications: [
          {
            containerPort: 80,
            protocol: 'tcp',
            hostAddress: '127.0.0.1',
            hostPort: 8000,
            hostPortEnd: 8010,
          },
          { containerPort: 53, protocol: 'udp' },
        ],
        dns: { nameservers: ['1.1.1.1'] },
        extraHosts: ['db:10.0.0.1'],
      },
      namespaces: { pid: 'host' },
      init: true,
      readOnlyRootfs: true,
      logging: { driver: 'json-file', options: { 'max-size': '1m' } },
    });
    expect(config.resources).not.toHaveProperty('pidsLimit');
  });

  test('host and container networks have no attachments', () => {
    for (const NetworkMode of ['host', 'none', 'container:abc']) {
      expect(configOf({ HostConfig: { NetworkMode } }).network).toEqual({ mode: NetworkMode });
    }
    expect(configOf({ HostConfig: { NetworkMode: 'default' } }).network).toEqual({
      mode: 'bridge',
      attachments: [{ network: 'bridge' }],
    });
  });

  test('an entrypoint of one empty word takes the image’s away', () => {
    expect(configOf({ Entrypoint: [''] }).entrypoint).toEqual([]);
    expect(configOf({}).entrypoint).toBeUndefined();
  });

  test.each([
    [
      { HostConfig: { RestartPolicy: { Name: 'always', MaximumRetryCount: 2 } } },
      /cannot be used with restart policy 'always'/,
    ],
    [{ HostConfig: { RestartPolicy: { Name: 'sometimes' } } }, /unknown policy/],
    [{ HostConfig: { PortBindings: { '99999/tcp': [{}] } } }, /invalid port specification/],
    [{ HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '9-8' }] } } }, /invalid port specification/],
    [{ HostConfig: { Binds: ['/a:/x', '/b:/x'] } }, 'Duplicate mount point: /x'],
    [{ HostConfig: { CgroupnsMode: 'shared' } }, 'invalid cgroup namespace mode: shared'],
    [{ HostConfig: { DeviceRequests: [{ Count: -1 }] } }, 'HostConfig.DeviceRequests is not supported'],
    [{ HostConfig: { StorageOpt: { size: '1g' } } }, /StorageOpt/],
    [{ Healthcheck: { Test: ['CMD', 'x'], Interval: 5 } }, /less than 1ms/],
  ])('%o is refused', (body, message) => {
    expect(() => configOf(body)).toThrow(message);
  });
});

test('container names', () => {
  expect(checkContainerName('/web-1')).toBe('web-1');
  for (const name of ['x', '-ab', 'a b', 'ä1', '', 'a/b']) {
    expect(() => checkContainerName(name)).toThrow(/^Invalid container name/);
  }
});

test('the four lists of limits of disks become one; a rate of 0 is none', () => {
  const HostConfig = {
    BlkioDeviceReadBps: [
      { Path: '/dev/sda', Rate: 1 },
      { Path: '/dev/sdb', Rate: 0 },
    ],
    BlkioDeviceWriteBps: null,
    BlkioDeviceReadIOps: [{ Path: '/dev/sdb', Rate: 2 }],
    BlkioDeviceWriteIOps: [],
  };
  expect(configOf({ Image: 'busybox', HostConfig })).toMatchObject({
    resources: {
      blockIoLimits: [
        { kind: 'readBytes', path: '/dev/sda', perSecond: 1 },
        { kind: 'readOperations', path: '/dev/sdb', perSecond: 2 },
      ],
    },
  });
  expect(configOf({ Image: 'busybox', HostConfig: { BlkioDeviceReadBps: [] } })).not.toHaveProperty(
    'resources.blockIoLimits',
  );
});

describe('mounts', () => {
  test.each([
    ['/a:/b', { type: 'bind', source: '/a', target: '/b', createSource: true }],
    [
      '/a:/b:ro,rslave',
      {
        type: 'bind',
        source: '/a',
        target: '/b',
        createSource: true,
        modeText: 'ro,rslave',
        readOnly: true,
        propagation: 'rslave',
      },
    ],
    ['vol:/b:nocopy', { type: 'volume', source: 'vol', target: '/b', modeText: 'nocopy', noCopy: true }],
  ])('%s', (text, mount) => {
    expect(parseBind(text)).toEqual(mount);
  });

  test.each([
    '',
    '/a',
    '/a:',
    ':/b',
    '/a:b',
    '/a:/',
    '/a:/b:zz',
    '/a:/b:ro:x',
    '/a:/b:ro,rw',
    '/a:/b:z,Z',
    'a b:/c',
    './x:/c',
  ])('"%s" is refused', (text) => {
    expect(() => parseBind(text)).toThrow(/invalid volume specification/);
  });

  test('types that are known and not supported say so', () => {
    expect(() => mountOf({ Type: 'image', Source: 'a', Target: '/x' })).toThrow(/not supported/);
    expect(() => mountOf({ Type: 'floppy', Target: '/x' })).toThrow(
      'invalid mount config for type "floppy": mount type unknown',
    );
    expect(() => mountOf({ Type: 'bind', Source: 'relative', Target: '/x' })).toThrow(/must be absolute/);
  });
});

test('ports', () => {
  expect(withProtocol('80')).toBe('80/tcp');
  expect(withProtocol('53/UDP')).toBe('53/udp');
  for (const port of ['0', '70000', 'http', '80/icmp', '']) {
    expect(() => withProtocol(port)).toThrow(/invalid port specification/);
  }
});

describe('sentences for people', () => {
  const SECOND = 1000;
  const HOUR = 3600 * SECOND;

  test.each([
    [0, 'Less than a second'],
    [SECOND, '1 second'],
    [59 * SECOND, '59 seconds'],
    [90 * SECOND, 'About a minute'],
    [59 * 60 * SECOND, '59 minutes'],
    [HOUR, 'About an hour'],
    [5 * HOUR, '5 hours'],
    [72 * HOUR, '3 days'],
    [20 * 24 * HOUR, '2 weeks'],
    [90 * 24 * HOUR, '3 months'],
    [800 * 24 * HOUR, '2 years'],
  ])('%d ms', (durationMs, text) => {
    expect(humanDuration(durationMs)).toBe(text);
  });

  const state: ContainerState = {
    status: 'running',
    pid: 1,
    exitCode: 0,
    isOomKilled: false,
    error: '',
    startedAtMs: 1000,
    finishedAtMs: 0,
    health: null,
  };

  test('states', () => {
    expect(statusSentence(state, 6000)).toBe('Up 5 seconds');
    const health = { status: 'starting' as const, failingStreak: 0, log: [] };
    expect(statusSentence({ ...state, health }, 6000)).toBe('Up 5 seconds (health: starting)');
    expect(statusSentence({ ...state, status: 'paused' }, 6000)).toBe('Up 5 seconds (Paused)');
    expect(statusSentence({ ...state, status: 'exited', exitCode: 137, finishedAtMs: 2000 }, 6000)).toBe(
      'Exited (137) 4 seconds ago',
    );
    expect(statusSentence({ ...state, status: 'created' }, 6000)).toBe('Created');
  });
});

test('reference patterns stay within a path component', () => {
  expect(matchesReference('busy*', 'busybox:latest')).toBe(true);
  expect(matchesReference('busybox:*', 'busybox:latest')).toBe(true);
  expect(matchesReference('busybox', 'busybox:1')).toBe(true);
  expect(matchesReference('*', 'host/app:1')).toBe(false);
  expect(matchesReference('host/*', 'host/app:1')).toBe(true);
  expect(matchesReference('b.sybox', 'busybox:1')).toBe(false);
});
