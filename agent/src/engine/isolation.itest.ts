import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { existsSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { EngineFixture } from './testing/engine-fixture.ts';
import { PROBE_COMMAND, parseProbe, probeImage, type IsolationTable } from './testing/isolation-probe.ts';

const recorded = JSON.parse(
  readFileSync(new URL('testdata/isolation-docker.json', import.meta.url), 'utf8'),
) as IsolationTable;

/** x86-64 numbers of what Docker's profile has come to refuse since the recorded version: io_uring. */
const REFUSED_SINCE: readonly string[] = ['425', '426', '427'];
/** And to allow: name_to_handle_at, process_vm_readv and writev, pkey_mprotect, pkey_alloc, pkey_free. */
const ALLOWED_SINCE: readonly string[] = ['303', '310', '311', '329', '330', '331'];
const ENOSYS = 38;
/** Where the runtimes hide and lock in ways of their own: what counts is that they do. */
const LOCKED = /^\/proc\/(bus|fs|irq|sys|sysrq-trigger) \S+ ro/;
const MASKED =
  /^\/(proc\/(acpi|asound|interrupts|kcore|keys|scsi|sched_debug|timer_list)|sys\/firmware|sys\/devices\S*) /;

/** Mounts of a container in words that do not depend on the runtime. */
function protectionOf({ mounts }: IsolationTable): string[] {
  const words = mounts.map((line) => {
    const target = line.split(' ')[0] ?? '';
    const isLocked = LOCKED.test(line);
    return isLocked ? `${target} locked` : MASKED.test(line) ? `${target} masked` : line;
  });
  return words.map((line) => line.replace(/^(\/sys\/fs\/cgroup .*noexec),.*/, '$1')).sort();
}

/** Docker was recorded on a host with version 1 of cgroups; with version 2 the one hierarchy is mounted itself. */
function inThisHierarchy(line: string): string {
  const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  return isUnified && nameOf(line) === '/sys/fs/cgroup'
    ? '/sys/fs/cgroup cgroup2 ro,nosuid,nodev,noexec'
    : line;
}

function nameOf(line: string): string {
  return line.split(' ')[0] ?? '';
}

function difference(
  some: IsolationTable['refusedCalls'],
  others: IsolationTable['refusedCalls'],
): readonly string[] {
  return Object.keys(some).filter((number) => others[number] === undefined);
}

let fixture: EngineFixture;

beforeAll(async () => {
  fixture = await EngineFixture.create();
  await fixture.loadBusybox();
  await fixture.engine.images.load(Readable.from([probeImage()]));
});

afterAll(async () => {
  expect(await fixture.destroy()).toEqual([]);
});

/** Goal: what a process sees inside is what Docker's defaults show. Method: look from inside, under each runtime. */
describe.each(['crun', 'runc'])('under %s', (runtime) => {
  let id: string;

  beforeAll(async () => {
    const { containers } = fixture.engine;
    ({ id } = await containers.create({
      image: 'busybox',
      runtime,
      network: { mode: 'none' },
      cmd: ['sleep', '1000'],
    }));
    await containers.start(id);
  });

  afterAll(async () => {
    await fixture.engine.containers.remove(id, { force: true });
  });

  async function inside(script: string): Promise<string> {
    const { output } = await fixture.engine.execs.run(id, { cmd: ['sh', '-c', script] });
    return output.toString();
  }

  test('capabilities are the default fourteen', async () => {
    for (const status of ['/proc/1/status', '/proc/self/status']) {
      expect(await inside(`grep -E "Cap(Prm|Eff|Bnd|Inh|Amb)" ${status}`)).toBe(
        ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']
          .map(
            (name) =>
              `${name}:\t${['CapInh', 'CapAmb'].includes(name) ? '0000000000000000' : '00000000a80425fb'}\n`,
          )
          .join(''),
      );
    }
  });

  test('seccomp filters the first process and execs, and refuses what it should', async () => {
    expect(await inside('grep Seccomp: /proc/1/status /proc/self/status')).toBe(
      '/proc/1/status:Seccomp:\t2\n/proc/self/status:Seccomp:\t2\n',
    );
    expect(await inside('unshare -U true 2>&1; mount -t tmpfs x /tmp 2>&1; echo $?')).toMatch(
      /Operation not permitted[\s\S]*(permission denied|not permitted)[\s\S]*[1-9]/,
    );
  });

  test('/proc and /sys are masked and read-only', async () => {
    expect(
      await inside(
        'cat /proc/keys /proc/interrupts | wc -c; ls /sys/firmware /proc/acpi /proc/scsi 2>/dev/null | grep -v -e : -e ^$ | wc -l; cat /proc/timer_list 2>/dev/null | wc -c',
      ),
    ).toBe('0\n0\n0\n');
    expect(await inside('echo 1 > /proc/sys/kernel/domainname; touch /sys/x; true')).toMatch(
      /Read-only file system[\s\S]*Read-only file system/,
    );
  });

  test('devices are only those that every program expects', async () => {
    const names = (await inside('ls /dev'))
      .trim()
      .split('\n')
      .sort()
      .filter((name) => name !== 'core');
    expect(names).toEqual([
      'fd',
      'full',
      'mqueue',
      'null',
      'ptmx',
      'pts',
      'random',
      'shm',
      'stderr',
      'stdin',
      'stdout',
      'tty',
      'urandom',
      'zero',
    ]);
    expect(await inside('mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg 2>&1 | head -c 200')).toContain(
      'not permitted',
    );
  });

  test('all of it is what a container of Docker sees', async () => {
    const { containers } = fixture.engine;
    const made = await containers.create({
      image: 'skep-probe',
      runtime,
      network: { mode: 'none' },
      cmd: PROBE_COMMAND,
    });
    await containers.start(made.id);
    await containers.wait(made.id, 'not-running');
    let output = '';
    for await (const record of containers.logs(made.id, { stdout: true, stderr: true })) {
      output += record.data.toString();
    }
    await containers.remove(made.id, {});
    const seen = parseProbe(output);
    expect(seen.status).toEqual(recorded.status);
    expect(seen.devices).toEqual(recorded.devices);
    // Which of these files there are depends on the kernel; of those that there are, nothing is to be read.
    expect(seen.masks.filter((line) => !line.endsWith(' 0 0'))).toEqual([]);
    expect(seen.masks.map(nameOf)).toEqual(
      expect.arrayContaining(recorded.masks.map(nameOf).filter((path) => existsSync(path))),
    );
    const [protection, wanted] = [protectionOf(seen), protectionOf(recorded).map(inThisHierarchy)];
    const isGuarded = (line: string): boolean => / (masked|locked)$/.test(line);
    expect(protection.filter((line) => !isGuarded(line))).toEqual(wanted.filter((line) => !isGuarded(line)));
    expect(protection.filter(isGuarded)).toEqual(
      expect.arrayContaining(
        [...wanted.filter(isGuarded), '/proc/interrupts masked'].filter((line) => existsSync(nameOf(line))),
      ),
    );
    const refused = difference(seen.refusedCalls, recorded.refusedCalls);
    // What this kernel itself does not have is no work of a filter, which answers EPERM.
    expect(refused.filter((number) => seen.refusedCalls[number] !== ENOSYS)).toEqual(REFUSED_SINCE);
    expect(difference(recorded.refusedCalls, seen.refusedCalls)).toEqual(ALLOWED_SINCE);
  });

  test("resource limits of a process are the engine's own, as with Docker", async () => {
    const own = readFileSync('/proc/self/limits', 'utf8');
    expect(await inside('cat /proc/1/limits')).toBe(own);
  });

  test('limits that were asked for are those of the cgroup', async () => {
    const { containers } = fixture.engine;
    const limited = await containers.create({
      image: 'busybox',
      runtime,
      network: { mode: 'none' },
      cmd: ['sleep', '1000'],
      resources: { memoryBytes: 64 * 1024 * 1024, nanoCpus: 500_000_000, pidsLimit: 50 },
    });
    await containers.start(limited.id);
    const script = [
      'cd /sys/fs/cgroup',
      'cat memory/memory.limit_in_bytes 2>/dev/null || cat memory.max',
      'cat cpu/cpu.cfs_quota_us 2>/dev/null || cut -d" " -f1 cpu.max',
      'cat pids/pids.max 2>/dev/null || cat pids.max',
    ].join('; ');
    const { output } = await fixture.engine.execs.run(limited.id, { cmd: ['sh', '-c', script] });
    await containers.remove(limited.id, { force: true });
    expect(output.toString()).toBe('67108864\n50000\n50\n');
  });

  test('it is process 1 of its own namespaces', async () => {
    expect(await inside('cat /proc/1/comm; hostname; ls /proc | grep -c "^[0-9]"')).toMatch(
      new RegExp(`^sleep\\n${id.slice(0, 12)}\\n[2-6]\\n$`),
    );
  });

  test.each([
    ['private', /^0\n$/],
    ['host', /^[1-9]\d*\n$/],
  ] as const)(
    'with the cgroup namespace %s it sees as much of the cgroups as it is to',
    async (cgroup, above) => {
      const { containers } = fixture.engine;
      const other = await containers.create({
        image: 'busybox',
        runtime,
        network: { mode: 'none' },
        cmd: ['sleep', '1000'],
        namespaces: { cgroup },
      });
      await containers.start(other.id);
      const { output } = await fixture.engine.execs.run(other.id, {
        cmd: ['sh', '-c', 'grep -cv ":/$" /proc/self/cgroup; ls /sys/fs/cgroup > /dev/null'],
      });
      await containers.remove(other.id, { force: true });
      expect(output.toString()).toMatch(above);
    },
  );

  test('the mark of a container is there, and is no change of it', async () => {
    expect(await inside('stat -c "%F %s %a %u:%g" /.dockerenv')).toBe('regular empty file 0 755 0:0\n');
    const changed = (await fixture.engine.containers.diff(id)).map(({ path }) => path);
    expect(changed).not.toContain('/.dockerenv');
  });
});
