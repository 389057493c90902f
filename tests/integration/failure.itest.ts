import { describe, expect, test } from 'vitest';

import { run, waitUntil } from '@skep/lab';

import { LabFixture } from './lab-fixture.ts';

/** What the cluster must survive: each failure by the lab's own verbs. */
const fixture = new LabFixture({ hosts: 4, managers: 3 });
const managers = ['h1', 'h2', 'h3'];

const sleeper = (name: string, replicas: number, ...more: string[]) => [
  'service',
  'create',
  '--stop-grace-period',
  '1s',
  '--quiet',
  '--detach=false',
  '--name',
  name,
  '--replicas',
  String(replicas),
  ...more,
  fixture.image,
  'sleep',
  '100000',
];

describe('failures', () => {
  test('kill-agent: containers keep running and are adopted', async () => {
    await fixture.dockerOk('h1', ...sleeper('steady', 1, '--constraint', 'node.hostname==h4'));
    const pid = async () =>
      fixture.dockerOk(
        'h4',
        'inspect',
        '--format',
        '{{.State.Pid}} {{.State.StartedAt}}',
        (await fixture.dockerOk('h4', 'ps', '--quiet')).split('\n')[0] ?? '',
      );
    const before = await pid();
    await fixture.lab.host('h4').killAgent();
    const inner = before.split(' ')[0] ?? '';
    expect((await run(fixture.lab.host('h4').enter(['kill', '-0', inner]))).exitCode).toBe(0);
    await fixture.lab.start('h4');
    expect(await pid()).toBe(before);
    await waitUntil('h4 Ready again', async () => (await fixture.lab.readyNodes()) === 4, {
      timeoutMs: 30_000,
      everyMs: 200,
    });
    await fixture.waitReplicas('h1', 'steady', '1/1');
    expect((await fixture.dockerOk('h1', 'service', 'ps', 'steady', '--quiet')).split('\n')).toHaveLength(1);
  });

  test('kill-manager: it comes back with everything', async () => {
    const before = await fixture.dockerOk('h2', 'service', 'ls', '--format', '{{.ID}} {{.Name}}');
    await fixture.lab.host('h2').killManager();
    await waitUntil(
      'the manager of h2 answers',
      async () =>
        (await fixture.docker('h2', 'service', 'ls', '--format', '{{.ID}} {{.Name}}')).stdout.trim() ===
        before,
      { timeoutMs: 30_000, everyMs: 200 },
    );
    await waitUntil('all Ready', async () => (await fixture.lab.readyNodes()) === 4, {
      timeoutMs: 30_000,
      everyMs: 200,
    });
  });

  test("the leader's host crashes: writes go on, its tasks run elsewhere", async () => {
    await fixture.dockerOk('h1', ...sleeper('spread', 6));
    const leader = await fixture.leader('h1');
    const other = managers.find((name) => name !== leader) ?? 'h1';
    const started = performance.now();
    await fixture.lab.crash(leader);
    await waitUntil(
      'a write is accepted',
      async () =>
        (
          await fixture.docker(
            other,
            ...sleeper('after', 1, '--detach=true').filter((arg) => arg !== '--detach=false'),
          )
        ).exitCode === 0,
      { timeoutMs: 20_000, everyMs: 100 },
    );
    const writeMs = performance.now() - started;
    await waitUntil(
      'six tasks run on the hosts that are left',
      async () => {
        const list = await fixture.docker(
          other,
          'service',
          'ps',
          'spread',
          '--filter',
          'desired-state=running',
          '--format',
          '{{.Node}} {{.CurrentState}}',
        );
        const running = list.stdout
          .split('\n')
          .filter((line) => / Running /.test(line) && !line.startsWith(leader));
        return running.length === 6;
      },
      { timeoutMs: 40_000, everyMs: 200 },
    );
    const moveMs = performance.now() - started;
    process.stdout.write(
      `leader lost: next write after ${writeMs.toFixed(0)} ms, tasks elsewhere after ${moveMs.toFixed(0)} ms\n`,
    );
    await fixture.lab.start(leader);
    await waitUntil('the crashed host is back', async () => (await fixture.lab.readyNodes()) === 4, {
      timeoutMs: 60_000,
      everyMs: 300,
    });
    await fixture.dockerOk('h1', 'service', 'rm', 'spread', 'after');
  });

  test('a minority refuses writes with a clear error, and heals', async () => {
    const leader = await fixture.leader('h1');
    const rest = ['h1', 'h2', 'h3', 'h4'].filter((name) => name !== leader);
    const majority = managers.find((name) => name !== leader) ?? 'h2';
    await fixture.lab.switch.partition([leader], rest);
    try {
      await waitUntil(
        'the majority writes',
        async () =>
          (
            await fixture.docker(
              majority,
              ...sleeper('majority', 1, '--detach=true').filter((arg) => arg !== '--detach=false'),
            )
          ).exitCode === 0,
        { timeoutMs: 20_000, everyMs: 200 },
      );
      const refused = await fixture.docker(leader, 'config', 'create', 'minority', '/etc/hostname');
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stderr).toMatch(/quorum|majority|leader/i);
    } finally {
      await fixture.lab.switch.heal();
    }
    await waitUntil(
      'healed',
      async () =>
        (await fixture.docker(leader, 'service', 'ls', '--format', '{{.Name}}')).stdout.includes('majority'),
      { timeoutMs: 30_000, everyMs: 200 },
    );
    await waitUntil('all Ready', async () => (await fixture.lab.readyNodes()) === 4, {
      timeoutMs: 60_000,
      everyMs: 300,
    });
    await fixture.dockerOk(leader, 'service', 'rm', 'majority');
  });

  test('three managers crash at once: all acknowledged state returns', async () => {
    const names: string[] = [];
    for (let i = 0; i < 20; i += 1) {
      names.push(`kept-${String(i)}`);
      const socket = fixture.lab.host('h1').paths.dockerSocket;
      const made = await run(
        ['docker', '--host', `unix://${socket}`, 'config', 'create', names[i] ?? '', '-'],
        { input: `value ${String(i)}` },
      );
      expect(made.exitCode, made.stderr).toBe(0);
    }
    await Promise.all(managers.map((name) => fixture.lab.crash(name)));
    await Promise.all(managers.map((name) => fixture.lab.start(name)));
    await waitUntil('all Ready', async () => (await fixture.lab.readyNodes()) === 4, {
      timeoutMs: 90_000,
      everyMs: 300,
    });
    const expected = [...names].sort().join('\n');
    for (const name of managers) {
      await waitUntil(
        `${name} has all that was acknowledged`,
        async () => {
          const list = await fixture.docker(name, 'config', 'ls', '--format', '{{.Name}}');
          return list.stdout.trim().split('\n').sort().join('\n') === expected;
        },
        { timeoutMs: 10_000, everyMs: 200 },
      );
    }
    await fixture.waitReplicas('h1', 'steady', '1/1');
  });
});
