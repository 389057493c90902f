import { describe, expect, test } from 'vitest';
import { ALL_CAPABILITIES, DEFAULT_CAPABILITIES } from './capabilities.ts';
import type { BlockIoLimit, ContainerConfig } from './container-config.ts';
import type { EffectiveConfig } from './container-record.ts';
import { buildOciSpec, type OciSpecInput } from './oci-spec.ts';
import type { OciSpec } from './oci-types.ts';

const effective: EffectiveConfig = {
  env: ['A=1'],
  cmd: ['sleep', '1'],
  entrypoint: [],
  workingDir: '',
  user: '',
  stopSignal: 'SIGTERM',
  hostname: 'box',
  labels: {},
  exposedPorts: [],
  healthcheck: null,
};

const privateNamespace = { kind: 'private' } as const;

function input(config: Partial<ContainerConfig> = {}, more: Partial<OciSpecInput> = {}): OciSpecInput {
  return {
    config: { image: 'busybox', ...config },
    effective,
    containerId: 'a'.repeat(64),
    rootfsPath: '/merged',
    cgroupsPath: '/skep/a',
    user: { uid: 0, gid: 0, additionalGids: [], home: '/root' },
    namespaces: {
      network: { kind: 'path', path: '/run/netns/a' },
      pid: privateNamespace,
      ipc: privateNamespace,
      uts: privateNamespace,
      cgroup: privateNamespace,
      user: { kind: 'host' },
    },
    binds: [],
    shmSource: null,
    devices: [],
    disks: [],
    initPath: null,
    availableCapabilities: ALL_CAPABILITIES,
    architecture: 'amd64',
    cgroupVersion: 2,
    seccompIsAvailable: true,
    ...more,
  };
}

function build(config?: Partial<ContainerConfig>, more?: Partial<OciSpecInput>): OciSpec {
  const built = buildOciSpec(input(config, more));
  if (!built.ok) {
    throw built.error;
  }
  return built.value;
}

describe('buildOciSpec', () => {
  test('a container that asks for nothing gets the defaults of Docker', async () => {
    const spec = build();
    await expect(`${JSON.stringify(spec, null, 1)}\n`).toMatchFileSnapshot(
      'testdata/default-spec.golden.json',
    );
    expect(spec.process.capabilities?.effective).toEqual(
      ALL_CAPABILITIES.filter((name) => DEFAULT_CAPABILITIES.includes(name)),
    );
  });

  test('privileged: all capabilities, no filter, nothing masked, all devices, writable /sys', () => {
    const { process, linux, mounts } = build({ security: { privileged: true } });
    expect(process.capabilities?.bounding).toEqual(ALL_CAPABILITIES);
    expect([linux.seccomp, linux.maskedPaths, linux.readonlyPaths]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(linux.resources.devices).toEqual([{ allow: true, access: 'rwm' }]);
    expect(mounts.find((mount) => mount.destination === '/sys')?.options).toContain('rw');
  });

  test('nobody is given a capability that the engine does not have', () => {
    const available = ALL_CAPABILITIES.filter((name) => name !== 'CAP_SYS_RESOURCE');
    const { process } = build({ security: { privileged: true } }, { availableCapabilities: available });
    expect(process.capabilities?.bounding).not.toContain('CAP_SYS_RESOURCE');
  });

  test('mounts: a bind over a default takes its place, deep targets come after shallow ones', () => {
    const bind = (destination: string): OciSpec['mounts'][number] => ({
      destination,
      type: 'bind',
      source: '/s',
      options: ['rbind'],
    });
    const { mounts } = build(
      { mounts: [{ type: 'tmpfs', target: '/data/x/y', sizeBytes: 1024, mode: 0o700, options: ['exec'] }] },
      { binds: [bind('/data/x'), bind('/data'), bind('/dev/shm')] },
    );
    const targets = mounts.map((mount) => mount.destination);
    expect(targets.filter((target) => target === '/dev/shm')).toHaveLength(1);
    expect(targets.indexOf('/data')).toBeLessThan(targets.indexOf('/data/x'));
    expect(targets.indexOf('/data/x')).toBeLessThan(targets.indexOf('/data/x/y'));
    expect(mounts.at(-1)?.options).toEqual(['nosuid', 'nodev', 'exec', 'size=1024', 'mode=700', 'rw']);
  });

  test('limits of disks, by their numbers, beside the weight', () => {
    const limit = (kind: BlockIoLimit['kind'], perSecond: number): BlockIoLimit => ({
      kind,
      path: '',
      perSecond,
    });
    const disks = [
      { limit: limit('readBytes', 1), major: 8, minor: 0 },
      { limit: limit('readBytes', 2), major: 8, minor: 16 },
      { limit: limit('writeOperations', 3), major: 8, minor: 0 },
    ];
    expect(build({ resources: { blkioWeight: 300 } }, { disks }).linux.resources.blockIO).toEqual({
      weight: 300,
      throttleReadBpsDevice: [
        { major: 8, minor: 0, rate: 1 },
        { major: 8, minor: 16, rate: 2 },
      ],
      throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 3 }],
    });
    expect(build({ resources: {} }).linux.resources.blockIO).toBeUndefined();
  });

  test('limits', () => {
    const { linux } = build({
      resources: {
        memoryBytes: 64e6,
        nanoCpus: 1_500_000_000,
        pidsLimit: 9,
        cpuShares: 512,
        cpusetCpus: '0-1',
      },
    });
    expect(linux.resources).toMatchObject({
      memory: { limit: 64e6, swap: 128e6 },
      cpu: { quota: 150_000, period: 100_000, shares: 512, cpus: '0-1' },
      pids: { limit: 9 },
    });
  });

  test('host namespaces are left out, joined ones have a path', () => {
    const { linux, hostname } = build(
      {},
      {
        namespaces: {
          network: { kind: 'host' },
          pid: { kind: 'path', path: '/proc/7/ns/pid' },
          ipc: privateNamespace,
          uts: { kind: 'host' },
          cgroup: { kind: 'host' },
          user: { kind: 'host' },
        },
      },
    );
    expect(linux.namespaces).toEqual([
      { type: 'mount' },
      { type: 'pid', path: '/proc/7/ns/pid' },
      { type: 'ipc' },
    ]);
    expect([hostname, linux.sysctl]).toEqual([undefined, undefined]);
  });

  test('a map of users brings a namespace, its ids, and groups that may ping', () => {
    const uids = [{ containerId: 0, hostId: 100_000, size: 70_000 }];
    const gids = [
      { containerId: 0, hostId: 200_000, size: 1000 },
      { containerId: 1000, hostId: 300_000, size: 69_000 },
    ];
    const namespaces = {
      ...input().namespaces,
      ipc: { kind: 'host' },
      user: { kind: 'path', path: '/run/user-namespace' },
    } as const;
    const { linux, mounts } = build({}, { namespaces, idMap: { uids, gids } });
    expect(linux.namespaces).toContainEqual({ type: 'user', path: '/run/user-namespace' });
    expect(linux.uidMappings).toEqual([{ containerID: 0, hostID: 100_000, size: 70_000 }]);
    expect(linux.gidMappings?.map(({ hostID }) => hostID)).toEqual([200_000, 300_000]);
    expect(linux.sysctl?.['net.ipv4.ping_group_range']).toBe('0 999');
    expect(mounts.map(({ type }) => type)).not.toContain('mqueue');
    expect(build().linux).not.toHaveProperty('uidMappings');
    expect(build().mounts.map(({ type }) => type)).toContain('mqueue');
  });

  test.each<[string, Partial<ContainerConfig>, string]>([
    ['a capability that is none', { security: { capAdd: ['NONSENSE'] } }, 'invalid capability'],
    ['a security option that is none', { security: { options: ['nonsense'] } }, 'invalid --security-opt'],
    ['a seccomp profile that is not JSON', { security: { options: ['seccomp={'] } }, 'not JSON'],
    [
      'an unknown ulimit',
      { resources: { ulimits: [{ name: 'x', soft: 1, hard: 1 }] } },
      'invalid ulimit type',
    ],
    [
      'a soft limit over the hard one',
      { resources: { ulimits: [{ name: 'nofile', soft: 2, hard: 1 }] } },
      'ulimit soft limit',
    ],
    ['a device rule that is none', { resources: { deviceCgroupRules: ['x'] } }, 'invalid device cgroup rule'],
  ])('refuses %s', (_name, config, message) => {
    const built = buildOciSpec(input(config));
    expect(built.ok ? '' : built.error.message).toContain(message);
  });
});
