import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ResourceConfig } from './container-config.ts';
import { cgroupDirectories, cgroupDirectory, observeCgroups } from './runtime/cgroup-host.ts';
import { EngineFixture, recordEvents, until } from './testing/engine-fixture.ts';
import { EngineProcess } from './testing/engine-process.ts';

/*
 * Goal: what a container is limited to, what it has used and when it stands still are the kernel's own words. Method:
 * read them in the host's hierarchy, under each runtime. The tests are the same with either version of cgroups:
 * `npm run vm` runs them with version 2 alone.
 */

const MIB = 1024 * 1024;
const BUSY = ['sh', '-c', 'while :; do :; done'] as const;
const host = observeCgroups();

const LIMITS: ResourceConfig = {
  memoryBytes: 64 * MIB,
  memorySwapBytes: 96 * MIB,
  memoryReservationBytes: 32 * MIB,
  nanoCpus: 500_000_000,
  cpuShares: 512,
  cpusetCpus: '0',
  pidsLimit: 50,
};
const OTHER_LIMITS: ResourceConfig = {
  memoryBytes: 128 * MIB,
  memorySwapBytes: 256 * MIB,
  memoryReservationBytes: 48 * MIB,
  nanoCpus: 1_000_000_000,
  cpuShares: 2048,
  cpusetCpus: '0',
  pidsLimit: 80,
};

/** A file of a container's cgroup: its controller and name in version 1, its name in version 2. */
type GroupFile = readonly [controller: string, version1: string, version2: string];

const FILES = {
  memory: ['memory', 'memory.limit_in_bytes', 'memory.max'],
  swap: ['memory', 'memory.memsw.limit_in_bytes', 'memory.swap.max'],
  reservation: ['memory', 'memory.soft_limit_in_bytes', 'memory.low'],
  cpu: ['cpu', 'cpu.cfs_quota_us', 'cpu.max'],
  cpuset: ['cpuset', 'cpuset.cpus', 'cpuset.cpus'],
  pids: ['pids', 'pids.max', 'pids.max'],
} as const satisfies Record<string, GroupFile>;

/** Version 2 counts swap without memory and has quota and period in one line. */
const LIMITS_WRITTEN = {
  memory: String(64 * MIB),
  swap: String((host.version === 2 ? 32 : 96) * MIB),
  reservation: String(32 * MIB),
  cpu: host.version === 2 ? '50000 100000' : '50000',
  cpuset: '0',
  pids: '50',
};
const OTHER_LIMITS_WRITTEN = {
  memory: String(128 * MIB),
  swap: String((host.version === 2 ? 128 : 256) * MIB),
  reservation: String(48 * MIB),
  cpu: host.version === 2 ? '100000 100000' : '100000',
  cpuset: '0',
  pids: '80',
};

/** A whole disk of this machine with its numbers, if it has any: what is made of memory or files has no queue. */
function findDisk(): { readonly path: string; readonly numbers: string } | undefined {
  const name = readdirSync('/sys/block').find(
    (each) => !/^(loop|ram|zram|sr|fd|dm-|md)/.test(each) && existsSync(`/dev/${each}`),
  );
  return name === undefined
    ? undefined
    : { path: `/dev/${name}`, numbers: readFileSync(`/sys/block/${name}/dev`, 'utf8').trim() };
}

const disk = findDisk();

let fixture: EngineFixture;

beforeAll(async () => {
  fixture = await EngineFixture.create();
  await fixture.loadBusybox();
});

afterAll(async () => {
  expect(await fixture.destroy()).toEqual([]);
});

test('the engine says which version there is', async () => {
  const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  expect((await fixture.engine.info()).cgroupVersion).toBe(isUnified ? 2 : 1);
});

describe.each(['crun', 'runc'])('under %s', (runtime) => {
  const sleeper = { image: 'busybox', runtime, network: { mode: 'none' }, cmd: ['sleep', '1000'] } as const;

  async function start(config: object = {}): Promise<string> {
    const { id } = await fixture.engine.containers.create({ ...sleeper, ...config });
    await fixture.engine.containers.start(id);
    return id;
  }

  function pathOf(id: string, controller: string): string {
    return cgroupDirectory(host, controller, join(fixture.cgroupParent, id)) ?? '';
  }

  function read(id: string, [controller, version1, version2]: GroupFile): string {
    return readFileSync(
      join(pathOf(id, controller), host.version === 2 ? version2 : version1),
      'utf8',
    ).trim();
  }

  function written(id: string): Record<string, string> {
    return Object.fromEntries(Object.entries(FILES).map(([name, file]) => [name, read(id, file)]));
  }

  function isThere(id: string): boolean {
    return cgroupDirectories(host, join(fixture.cgroupParent, id)).some((path) => existsSync(path));
  }

  /** Waiters are told of the end before the cgroup goes. */
  async function untilGone(id: string): Promise<void> {
    await until(() => !isThere(id));
  }

  function isFrozen(id: string): boolean {
    return host.version === 2
      ? /^frozen 1$/m.test(read(id, ['freezer', '', 'cgroup.events']))
      : read(id, ['freezer', 'freezer.state', '']) === 'FROZEN';
  }

  async function inside(id: string, script: string): Promise<string> {
    return (await fixture.engine.execs.run(id, { cmd: ['sh', '-c', script] })).output.toString();
  }

  async function remove(id: string): Promise<void> {
    await fixture.engine.containers.remove(id, { force: true });
    expect(isThere(id)).toBe(false);
  }

  test('each limit is written to the kernel, and so is its change', async () => {
    const id = await start({ resources: LIMITS });
    expect(written(id)).toEqual(LIMITS_WRITTEN);
    const shares = Number(read(id, ['cpu', 'cpu.shares', 'cpu.weight']));
    await fixture.engine.containers.update(id, { resources: OTHER_LIMITS });
    expect(written(id)).toEqual(OTHER_LIMITS_WRITTEN);
    // Four times the shares: in version 2 the runtime's own scale, which is not quite linear.
    const factor = Number(read(id, ['cpu', 'cpu.shares', 'cpu.weight'])) / shares;
    expect(factor).toBeGreaterThan(1.9);
    expect(factor).toBeLessThan(4.3);
    await remove(id);
  });

  test('one limit is changed and the others stay as they are', async () => {
    const id = await start({ resources: LIMITS });
    await fixture.engine.containers.update(id, { resources: { pidsLimit: 60 } });
    expect(written(id)).toEqual({ ...LIMITS_WRITTEN, pids: '60' });
    await fixture.engine.containers.update(id, { resources: { memoryBytes: 80 * MIB } });
    const swap = String((host.version === 2 ? 16 : 96) * MIB);
    expect(written(id)).toEqual({ ...LIMITS_WRITTEN, pids: '60', memory: String(80 * MIB), swap });
    await remove(id);
  });

  test('without a limit nothing is limited', async () => {
    const id = await start();
    const unlimited = { memory: 'max', swap: 'max', pids: 'max', cpu: 'max 100000' };
    if (host.version === 2) {
      expect(written(id)).toMatchObject(unlimited);
    } else {
      expect([read(id, FILES.pids), read(id, FILES.cpu)]).toEqual(['max', '-1']);
    }
    const stats = await fixture.engine.containers.stats(id);
    expect(stats.pidsLimit).toBe(0);
    expect(stats.memoryLimitBytes).toBeGreaterThan(256 * MIB);
    await remove(id);
  });

  test('the weight of its input and output reaches the kernel where the kernel has such weights', async () => {
    const { id, warnings } = await fixture.engine.containers.create({
      ...sleeper,
      resources: { blkioWeight: 300 },
    });
    await fixture.engine.containers.start(id);
    const names = host.version === 2 ? ['io.bfq.weight', 'io.weight'] : ['blkio.weight'];
    const files = names.map((name) => join(pathOf(id, 'blkio'), name)).filter((path) => existsSync(path));
    if (files.length === 0) {
      expect(warnings.join()).toContain('Your kernel does not support Block I/O weight');
    } else {
      expect(warnings).toEqual([]);
      // Version 2 counts from 1 to 10,000 where version 1 counts from 10 to 1,000.
      const texts = files.map((path) => readFileSync(path, 'utf8'));
      expect(texts.some((text) => !/^(default )?100$/m.test(text))).toBe(true);
    }
    await remove(id);
  });

  test.skipIf(disk === undefined)(
    'how much of a disk it may use in a second is written to the kernel',
    async () => {
      const path = disk?.path ?? '';
      const limits: ResourceConfig = {
        blockIoLimits: [
          { kind: 'readBytes', path, perSecond: MIB },
          { kind: 'writeBytes', path, perSecond: 2 * MIB },
          { kind: 'readOperations', path, perSecond: 300 },
          { kind: 'writeOperations', path, perSecond: 400 },
        ],
      };
      const id = await start({ resources: limits });
      const line = (...values: readonly string[]): string => [disk?.numbers ?? '', ...values].join(' ');
      const seen = (): string[] =>
        host.version === 2
          ? [read(id, ['', '', 'io.max'])]
          : ['read_bps', 'write_bps', 'read_iops', 'write_iops'].map((name) =>
              read(id, ['blkio', `blkio.throttle.${name}_device`, '']),
            );
      const expected =
        host.version === 2
          ? [line(`rbps=${String(MIB)}`, `wbps=${String(2 * MIB)}`, 'riops=300', 'wiops=400')]
          : [String(MIB), String(2 * MIB), '300', '400'].map((value) => line(value));
      expect(seen()).toEqual(expected);
      await expect(fixture.engine.containers.update(id, { resources: limits })).rejects.toThrow(
        'Limits of single disks cannot be updated',
      );
      await fixture.engine.containers.update(id, { resources: { pidsLimit: 60 } });
      expect(seen()).toEqual(expected);
      await remove(id);
    },
  );

  test('limits of what is no disk are refused', async () => {
    const limited = (path: string): Promise<unknown> =>
      fixture.engine.containers.create({
        ...sleeper,
        resources: { blockIoLimits: [{ kind: 'readBytes', path, perSecond: 1 }] },
      });
    await expect(limited('/dev/nosuch')).rejects.toThrow('stat /dev/nosuch: no such file or directory');
    await expect(limited('/dev/null')).rejects.toThrow('/dev/null is not a block device');
  });

  test('processes beyond the limit are refused', async () => {
    const id = await start({ resources: { pidsLimit: 6 } });
    const said = await inside(
      id,
      'exec 2>&1; for i in 1 2 3 4 5 6 7 8; do sleep 100 > /dev/null 2> /dev/null & done',
    );
    expect(said).toMatch(/can't fork|Resource temporarily unavailable/);
    await remove(id);
  });

  test('what it uses is counted: processor, memory, processes, bytes on the disk', async () => {
    const id = await start({ resources: { memoryBytes: 64 * MIB } });
    const { containers } = fixture.engine;
    const before = await containers.stats(id);
    await inside(
      id,
      'dd if=/dev/zero of=/written bs=1M count=4 conv=fsync 2>/dev/null; i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done',
    );
    const after = await containers.stats(id);
    expect(after.cpuUsageNano - before.cpuUsageNano).toBeGreaterThan(10_000_000);
    expect(after.cpuUserNano).toBeGreaterThan(0);
    expect(after.hostCpuNano).toBeGreaterThan(before.hostCpuNano);
    expect(after.throttledPeriods).toBe(0);
    expect(after.memoryUsageBytes).toBeGreaterThan(0);
    expect(after.memoryLimitBytes).toBe(64 * MIB);
    expect(after.pids).toBe(1);
    if (host.version === 2) {
      // Version 1 charges buffered writes to nobody.
      expect(after.blockWriteBytes - before.blockWriteBytes).toBeGreaterThanOrEqual(4 * MIB);
    }
    await remove(id);
  });

  test('how often and how long it had to wait for its share of a processor is counted', async () => {
    const { containers } = fixture.engine;
    const id = await start({ cmd: BUSY, resources: { nanoCpus: 100_000_000 } });
    await until(async () => {
      const { throttledPeriods, throttledNano } = await containers.stats(id);
      return throttledPeriods > 1 && throttledNano > 0;
    });
    await remove(id);
  });

  test('paused, it is frozen by the kernel and uses no processor; unpaused, it goes on', async () => {
    const { containers } = fixture.engine;
    const id = await start({ cmd: BUSY });
    expect(isFrozen(id)).toBe(false);
    await containers.pause(id);
    expect(isFrozen(id)).toBe(true);
    const first = await containers.stats(id);
    const second = await containers.stats(id);
    expect(second.cpuUsageNano).toBe(first.cpuUsageNano);
    await containers.unpause(id);
    expect(isFrozen(id)).toBe(false);
    await until(async () => (await containers.stats(id)).cpuUsageNano > second.cpuUsageNano);
    await containers.pause(id);
    await remove(id);
  });

  test('it may be paused right after its start, while its program is only just being put into its place', async () => {
    const { containers } = fixture.engine;
    for (let round = 0; round < 15; round += 1) {
      const id = await start({ cmd: BUSY });
      await containers.pause(id);
      expect(isFrozen(id)).toBe(true);
      await remove(id);
    }
  });

  test('out of memory, it is killed by the kernel and says so', async () => {
    const { actions } = recordEvents(fixture.engine);
    const id = await start({
      cmd: ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=200M', 'count=1'],
      resources: { memoryBytes: 16 * MIB, memorySwapBytes: 16 * MIB },
    });
    expect(await fixture.engine.containers.wait(id)).toMatchObject({ exitCode: 137, isOomKilled: true });
    expect(actions()).toContain('oom');
    await untilGone(id);
    await remove(id);
  });

  test('cgroups that it made inside its own go with it', async () => {
    const id = await start({ security: { privileged: true } });
    const own = host.version === 2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids';
    const said = await inside(
      id,
      `mkdir -p ${own}/inner/most && (sleep 1000 > /dev/null 2>&1 & echo $! > ${own}/inner/most/cgroup.procs) && cat ${own}/inner/most/cgroup.procs`,
    );
    expect(said).toMatch(/^\d+\n$/);
    expect(existsSync(join(pathOf(id, 'pids'), 'inner/most'))).toBe(true);
    await fixture.engine.containers.stop(id, { timeoutSeconds: 0 });
    await untilGone(id);
    await remove(id);
  });

  test('it outlives its engine with its limits, and the next one limits, freezes and removes it', async () => {
    const { id } = await fixture.engine.containers.create({ ...sleeper, resources: LIMITS });
    await fixture.close();
    const child = new EngineProcess(fixture, [{ call: 'containers.start', args: [id] }]);
    try {
      expect(await child.next()).toBe('true');
    } finally {
      await child.kill();
    }
    const { containers } = await fixture.open();
    expect((await containers.inspect(id)).state.status).toBe('running');
    expect(written(id)).toEqual(LIMITS_WRITTEN);
    await containers.update(id, { resources: OTHER_LIMITS });
    expect(written(id)).toEqual(OTHER_LIMITS_WRITTEN);
    await containers.pause(id);
    expect(isFrozen(id)).toBe(true);
    await containers.unpause(id);
    expect(await inside(id, 'echo alive')).toBe('alive\n');
    await containers.stop(id, { timeoutSeconds: 0 });
    await untilGone(id);
    await remove(id);
  });
});
