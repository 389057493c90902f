import { describe, expect, test } from 'vitest';
import {
  ALL_CAPABILITIES,
  DEFAULT_CAPABILITIES,
  capabilitiesOfMask,
  chooseCapabilities,
} from './capabilities.ts';
import { renderHosts } from './container-files.ts';
import { parseLogLine } from './container-logs.ts';
import { parseContainerName } from './container-names.ts';
import { applyChanges } from './dockerfile-changes.ts';
import { mergeEnvironment } from './effective-config.ts';
import { nextHealth } from './health-monitor.ts';
import { parseProcessTable } from './process-table.ts';
import { decideRestart, startsWithEngine } from './restart-decision.ts';
import { translateRuntimeError } from './runtime-errors.ts';
import { defaultSeccomp } from './seccomp-profile.ts';
import { parseSignal, signalName } from './signals.ts';
import { resolveUser } from './user-lookup.ts';
import { SwarmError } from '@skep/kernel';
import { parseImageConfig } from '@skep/oci';

test.each([
  ['SIGTERM', 15],
  ['term', 15],
  ['9', 9],
  ['RTMIN+3', 37],
  ['SIGRTMAX-1', 63],
])('signal %s', (text, number) => {
  expect(parseSignal(text)).toEqual({ ok: true, value: number });
});

test.each([['SIGNONSENSE'], ['0'], ['65'], ['RTMIN+31'], ['toString'], ['']])('no signal: %j', (text) => {
  expect(parseSignal(text).ok).toBe(false);
});

test('signal names', () => {
  expect([signalName(9), signalName(40)]).toEqual(['SIGKILL', '40']);
});

describe('capabilities', () => {
  const choose = (add: string[], drop: string[]): readonly string[] => {
    const chosen = chooseCapabilities({ add, drop, isPrivileged: false, available: ALL_CAPABILITIES });
    return chosen.ok ? chosen.value : [];
  };

  test('add and drop', () => {
    expect(choose([], [])).toHaveLength(DEFAULT_CAPABILITIES.length);
    expect(choose(['net_admin'], ['CHOWN'])).toEqual(
      ALL_CAPABILITIES.filter(
        (name) => name === 'CAP_NET_ADMIN' || (name !== 'CAP_CHOWN' && DEFAULT_CAPABILITIES.includes(name)),
      ),
    );
    expect(choose(['SYS_TIME'], ['ALL'])).toEqual(['CAP_SYS_TIME']);
    expect(choose(['ALL'], ['SYS_ADMIN'])).toHaveLength(ALL_CAPABILITIES.length - 1);
  });

  test('masks of the kernel', () => {
    expect(capabilitiesOfMask('a80425fb')).toEqual(
      ALL_CAPABILITIES.filter((name) => DEFAULT_CAPABILITIES.includes(name)),
    );
  });
});

describe('seccomp', () => {
  const allowed = (names: readonly string[]): ReadonlySet<string> =>
    new Set(
      defaultSeccomp('amd64', names).syscalls.flatMap((rule) => (rule.args === undefined ? rule.names : [])),
    );

  test('without capabilities what reaches out of the container is not allowed', () => {
    const calls = allowed(DEFAULT_CAPABILITIES);
    for (const name of [
      'mount',
      'unshare',
      'setns',
      'reboot',
      'init_module',
      'kexec_load',
      'bpf',
      'keyctl',
      'add_key',
      'userfaultfd',
      'io_uring_setup',
      'clock_settime',
      'swapon',
      'syslog',
      'perf_event_open',
      'iopl',
      'vm86',
    ]) {
      expect(calls.has(name), name).toBe(false);
    }
    for (const name of [
      'read',
      'openat2',
      'clone3_',
      'execve',
      'chroot',
      'futex_waitv',
      'statx',
      'landlock_create_ruleset',
      'rseq',
    ]) {
      expect(calls.has(name), name).toBe(name !== 'clone3_');
    }
  });

  test('capabilities bring their calls, and clone3 is answered only for administrators', () => {
    expect(allowed([...DEFAULT_CAPABILITIES, 'CAP_SYS_ADMIN']).has('mount')).toBe(true);
    const rule = defaultSeccomp('amd64', DEFAULT_CAPABILITIES).syscalls.find((each) =>
      each.names.includes('clone3'),
    );
    expect(rule).toMatchObject({ action: 'SCMP_ACT_ERRNO', errnoRet: 38 });
  });
});

describe('resolveUser', () => {
  const database = {
    passwd: 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\nbroken\n',
    group: 'root:x:0:\nadm:x:4:app,other\nstaff:x:50:\n',
  };

  test.each([
    ['', { uid: 0, gid: 0, additionalGids: [], home: '/root' }],
    ['app', { uid: 1000, gid: 1001, additionalGids: [4], home: '/home/app' }],
    ['1000', { uid: 1000, gid: 1001, additionalGids: [4], home: '/home/app' }],
    ['1000:staff', { uid: 1000, gid: 50, additionalGids: [], home: '/home/app' }],
    ['77', { uid: 77, gid: 0, additionalGids: [], home: '/' }],
    ['77:88', { uid: 77, gid: 88, additionalGids: [], home: '/' }],
  ])('%j', (text, user) => {
    expect(resolveUser(text, [], database)).toEqual({ ok: true, value: user });
  });

  test('group add, and names that are not there', () => {
    expect(resolveUser('app', ['staff', '7'], database)).toMatchObject({
      value: { additionalGids: [4, 7, 50] },
    });
    expect(resolveUser('ghost', [], database)).toMatchObject({ ok: false });
    expect(resolveUser('app:ghosts', [], database)).toMatchObject({ ok: false });
    expect(resolveUser('99999999999', [], database)).toMatchObject({ ok: false });
  });
});

test('environments are merged in order, a bare key removes', () => {
  expect(mergeEnvironment(['A=1', 'B=2'], ['A=3', 'C=x=y', 'B'])).toEqual(['A=3', 'C=x=y']);
});

describe('restart policies', () => {
  const base = { exitCode: 1, isStoppedByUser: false, restartCount: 0, ranForMs: 100, lastBackoffMs: 0 };

  test.each([
    ['no', {}, null],
    ['always', {}, 100],
    ['always', { lastBackoffMs: 100 }, 200],
    ['always', { lastBackoffMs: 50_000 }, 60_000],
    ['always', { lastBackoffMs: 50_000, ranForMs: 20_000 }, 100],
    ['always', { isStoppedByUser: true }, null],
    ['on-failure', { exitCode: 0 }, null],
    ['on-failure', {}, 100],
    ['on-failure', { restartCount: 3 }, null],
  ] as const)('%s %j', (name, more, backoffMs) => {
    const decided = decideRestart({ ...base, policy: { name, maximumRetryCount: 3 }, ...more });
    expect(decided?.backoffMs ?? null).toBe(backoffMs);
  });

  test('at the start of the engine', () => {
    const ended = { wasUp: false, exitCode: 0, isStoppedByUser: true, restartCount: 0 };
    expect(startsWithEngine({ ...ended, policy: { name: 'always' } })).toBe(true);
    expect(startsWithEngine({ ...ended, policy: { name: 'unless-stopped' } })).toBe(false);
    const cutOff = { ...ended, wasUp: true, isStoppedByUser: false };
    expect(startsWithEngine({ ...cutOff, policy: { name: 'unless-stopped' } })).toBe(true);
    const onFailure = { name: 'on-failure', maximumRetryCount: 2 } as const;
    expect(startsWithEngine({ ...cutOff, policy: onFailure })).toBe(false);
    expect(startsWithEngine({ ...cutOff, policy: onFailure, exitCode: 255 })).toBe(true);
    expect(startsWithEngine({ ...cutOff, policy: onFailure, exitCode: 255, restartCount: 2 })).toBe(false);
    expect(startsWithEngine({ ...cutOff, policy: onFailure, exitCode: 255, wasUp: false })).toBe(false);
  });
});

describe('health', () => {
  const probe = (exitCode: number): Parameters<typeof nextHealth>[1] => ({
    startedAtMs: 0,
    finishedAtMs: 1,
    exitCode,
    output: '',
  });
  const starting = { status: 'starting', failingStreak: 0, log: [] } as const;

  test('turns with the number of failures, and not while it starts', () => {
    const facts = { retries: 2, isInStartPeriod: false };
    const once = nextHealth(starting, probe(1), facts);
    expect(once).toMatchObject({ status: 'starting', failingStreak: 1 });
    expect(nextHealth(once, probe(1), facts)).toMatchObject({ status: 'unhealthy', failingStreak: 2 });
    expect(nextHealth(once, probe(0), facts)).toMatchObject({ status: 'healthy', failingStreak: 0 });
    expect(nextHealth(starting, probe(1), { ...facts, isInStartPeriod: true })).toMatchObject({
      failingStreak: 0,
    });
  });
});

test('log lines', () => {
  expect(parseLogLine(Buffer.from('2026-11-21T01:28:05.752988088+02:00 stderr P half a line'))).toEqual({
    stream: 'stderr',
    timestamp: '2026-11-20T23:28:05.752988088Z',
    timeMs: Date.parse('2026-11-20T23:28:05.000Z') + 752.988088,
    data: Buffer.from('half a line'),
  });
  expect(parseLogLine(Buffer.from('nonsense'))).toBeNull();
});

test('names', () => {
  expect(parseContainerName('/web.1')).toEqual({ ok: true, value: 'web.1' });
  expect(parseContainerName('-x').ok || parseContainerName('a b').ok || parseContainerName('a').ok).toBe(
    false,
  );
});

test('hosts', () => {
  expect(
    renderHosts(
      [{ address: '10.0.0.2', names: ['box', 'alias'] }],
      ['db:10.0.0.9', 'host:host-gateway', 'x:[::2]'],
      '10.0.0.1',
    ),
  ).toContain('10.0.0.9\tdb\n10.0.0.1\thost\n::2\tx\n10.0.0.2\tbox alias\n');
});

test('process tables keep only the processes of the container', () => {
  const output = 'UID   PID  PPID CMD\nroot   10     1 sh -c  x\nroot   11     1 other\n';
  expect(parseProcessTable(output, new Set([10]))).toEqual({
    titles: ['UID', 'PID', 'PPID', 'CMD'],
    processes: [['root', '10', '1', 'sh -c x']],
  });
  expect(() => parseProcessTable('A B\n', new Set())).toThrow('PID');
});

test('errors of the runtimes are told in words of Docker', () => {
  const translate = (message: string): string => {
    const error = translateRuntimeError(new SwarmError('failed_precondition', message), '/etc');
    return error instanceof Error ? error.message : '';
  };
  expect(translate('executable file `foo` not found in $PATH: No such file or directory')).toContain(
    'exec: "foo": executable file not found in $PATH',
  );
  expect(
    translate(
      'runc create failed: unable to start container process: exec: "foo": executable file not found in $PATH',
    ),
  ).toContain('exec: "foo": executable file not found in $PATH');
  expect(translate('open executable: Permission denied')).toContain('exec: "/etc": permission denied');
  expect(translate('open executable: Operation not permitted')).toContain(
    'exec: "/etc": is a directory: permission denied',
  );
  expect(translate('something else')).toBe('something else');
});

test('changes of docker commit', () => {
  const parsed = parseImageConfig(Buffer.from('{"rootfs":{}}'));
  if (!parsed.ok) {
    throw parsed.error;
  }
  const changes = [
    'CMD ["a","b"]',
    'ENTRYPOINT x y',
    'ENV A=1 B="two words"',
    'ENV C d e',
    'EXPOSE 80 53/udp',
    'LABEL l="v w"',
    'USER me',
  ];
  expect(applyChanges(parsed.value, changes)).toMatchObject({
    ok: true,
    value: {
      cmd: ['a', 'b'],
      entrypoint: ['/bin/sh', '-c', 'x y'],
      env: ['A=1', 'B=two words', 'C=d e'],
      exposedPorts: ['80/tcp', '53/udp'],
      labels: { l: 'v w' },
      user: 'me',
    },
  });
  expect(applyChanges(parsed.value, ['RUN x']).ok).toBe(false);
});
