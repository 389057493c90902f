import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { mustCall, run, waitUntil, type CommandResult } from '@skep/lab';

import { LabFixture } from './lab-fixture.ts';

/** The runbooks of docs/runbooks, as commands of both CLIs on real hosts. The tests follow each other. */
const fixture = new LabFixture({ hosts: 4, managers: 3 });
// Seconds on an idle machine; each wait says by itself what it waited for.
vi.setConfig({ testTimeout: 400_000 });
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skep-recovery-'));
  writeFileSync(join(folder, 'passphrase'), 'only for this test, of course\n');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const soon = { timeoutMs: 100_000, everyMs: 200 };

async function addConfig(host: string, name: string): Promise<void> {
  const socket = fixture.lab.host(host).paths.dockerSocket;
  const made = await run(['docker', '--host', `unix://${socket}`, 'config', 'create', name, '-'], {
    input: name,
  });
  expect(made.exitCode, made.stderr).toBe(0);
}

async function configs(host: string): Promise<string[]> {
  const text = await fixture.dockerOk(host, 'config', 'ls', '--format', '{{.Name}}');
  return text
    .split('\n')
    .filter((name) => name !== '')
    .sort();
}

function unlock(host: string, key: string): Promise<CommandResult> {
  const socket = fixture.lab.host(host).paths.dockerSocket;
  return run(['docker', '--host', `unix://${socket}`, 'swarm', 'unlock'], { input: `${key}\n` });
}

const swarmState = async (host: string): Promise<string> =>
  (await fixture.docker(host, 'info', '--format', '{{.Swarm.LocalNodeState}}')).stdout.trim();

async function managerStatus(host: string): Promise<Map<string, string>> {
  const nodes = await fixture.docker(host, 'node', 'ls', '--format', '{{.Hostname}} {{.ManagerStatus}}');
  return new Map(
    nodes.stdout
      .trim()
      .split('\n')
      .map((line) => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? '']),
  );
}

async function managersReachable(host: string, names: readonly string[]): Promise<void> {
  await waitUntil(
    `${names.join(', ')} are the managers`,
    async () => {
      const status = await managerStatus(host);
      return (
        names.every((name) => /Leader|Reachable/.test(status.get(name) ?? '')) &&
        [...status.values()].filter((text) => text !== '').length === names.length
      );
    },
    soon,
  );
}

describe('a dead manager', () => {
  test('makes a further demotion impossible, is advised about, and is replaced', async () => {
    await addConfig('h1', 'from-the-beginning');
    await fixture.lab.crash('h3');
    const advice = async (): Promise<string> => {
      const raft = (await mustCall(fixture.lab.host('h1').paths.apiSocket, {
        method: 'GET',
        path: '/api/v1/cluster/raft',
      })) as { advice: string[] };
      return raft.advice.join('\n');
    };
    await waitUntil(
      'the loss is seen',
      async () => (await advice()).includes('swarm node rm --force h3'),
      soon,
    );
    const refused = await fixture.docker('h1', 'node', 'demote', 'h2');
    expect(refused.stdout + refused.stderr).toMatch(/loss of quorum/);
    expect(refused.exitCode).not.toBe(0);

    await fixture.swarmOk('h1', 'node', 'rm', '--force', 'h3');
    await managersReachable('h1', ['h1', 'h2']);
    expect(await advice()).toMatch(/two managers are worse than one/);
    const token = await fixture.swarmOk('h1', 'join-token', '--quiet', 'manager');
    // The host comes back with the state of the member that was removed, and is turned away with it.
    await fixture.lab.start('h3');
    await fixture.swarm('h3', 'leave', '--force');
    await waitUntil('h3 is outside', async () => (await swarmState('h3')) === 'inactive', soon);
    await fixture.swarmOk('h3', 'join', '--token', token, '--advertise-addr', '10.88.0.3', '10.88.0.1:2377');
    await managersReachable('h1', ['h1', 'h2', 'h3']);
    expect(await advice()).toBe('');
  });
});

describe('a backup', () => {
  test('is made on any manager, and refuses what would be unsafe', async () => {
    const file = join(folder, 'cluster.backup');
    const said = await fixture.swarmOk('h2', 'backup', file, '--passphrase-file', join(folder, 'passphrase'));
    expect(said).toMatch(/Saved the state of index \d+/);
    expect(readFileSync(file).includes('from-the-beginning')).toBe(false);
    const again = await fixture.swarm('h2', 'backup', file, '--passphrase-file', join(folder, 'passphrase'));
    expect(again.stderr).toMatch(/cannot be written/);
    await addConfig('h1', 'after-the-backup');
  });
});

describe('auto-lock', () => {
  test('locks managers that restart, until they are given the key', async () => {
    const said = await fixture.dockerOk('h1', 'swarm', 'update', '--autolock=true');
    const key = /SWMKEY-1-\S+/.exec(said)?.[0] ?? '';
    expect(await fixture.dockerOk('h2', 'swarm', 'unlock-key', '--quiet')).toBe(key);
    const keyFile = join(fixture.report.hosts[1]?.dataRoot ?? '', 'raft', 'data-key.json');
    await waitUntil(
      'the key of h2 left the disk',
      async () => readFileSync(keyFile, 'utf8').includes('"isWrapped": true'),
      soon,
    );

    await fixture.lab.host('h2').killManager();
    await waitUntil('h2 is locked', async () => (await swarmState('h2')) === 'locked', soon);
    const refused = await fixture.docker('h2', 'node', 'ls');
    expect(refused.stderr).toMatch(/Swarm is encrypted and needs to be unlocked/);
    const wrong = await unlock('h2', `${key.slice(0, -4)}AAAA`);
    expect(wrong.exitCode).not.toBe(0);
    expect(wrong.stderr).toMatch(/unlock key is not the one/);
    const right = await unlock('h2', key);
    expect(right.exitCode, right.stderr).toBe(0);
    await managersReachable('h2', ['h1', 'h2', 'h3']);

    const next = await fixture.swarmOk('h1', 'unlock-key', '--rotate', '--quiet');
    expect(next).not.toBe(key);
    await waitUntil(
      'h3 knows it',
      async () => (await fixture.swarmOk('h3', 'unlock-key', '--quiet')) === next,
      soon,
    );
    await fixture.swarmOk('h1', 'update', '--autolock', 'false');
    await waitUntil(
      'h2 is not locked',
      async () => readFileSync(keyFile, 'utf8').includes('"isWrapped": false'),
      soon,
    );
  });
});

describe('a lost majority', () => {
  test('is given up by --force-new-cluster, with everything the survivor has', async () => {
    await Promise.all(['h2', 'h3'].map((name) => fixture.lab.crash(name)));
    await waitUntil(
      'h1 has no quorum',
      async () => (await fixture.docker('h1', 'config', 'rm', 'nothing')).stderr.includes('leader'),
      soon,
    );
    await fixture.dockerOk('h1', 'swarm', 'init', '--force-new-cluster', '--advertise-addr', '10.88.0.1');
    expect(await configs('h1')).toEqual(['after-the-backup', 'from-the-beginning']);
    expect([...(await managerStatus('h1'))].filter(([, status]) => status !== '')).toEqual([
      ['h1', 'Leader'],
    ]);
    await addConfig('h1', 'after-the-loss');
    // A manager of before comes back and finds that it is a worker.
    await fixture.lab.start('h2');
    await waitUntil(
      'h2 is a worker that is Ready',
      async () =>
        (
          await fixture.docker(
            'h2',
            'info',
            '--format',
            '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}',
          )
        ).stdout.trim() === 'active false',
      soon,
    );
    await waitUntil('h1, h2 and h4 are Ready', async () => (await fixture.lab.readyNodes()) === 3, soon);
  });
});

describe('restore', () => {
  test('begins the cluster of the backup on another host; workers come back by themselves', async () => {
    const file = join(folder, 'cluster.backup');
    await fixture.lab.crash('h2');
    await fixture.swarmOk('h1', 'leave', '--force');
    writeFileSync(join(folder, 'wrong'), 'some other passphrase\n');
    const where = ['--advertise-addr', '10.88.0.1'];
    const wrong = await fixture.swarm(
      'h1',
      'restore',
      file,
      '--passphrase-file',
      join(folder, 'wrong'),
      ...where,
    );
    expect(wrong.stderr).toMatch(/not the one this backup was made with/);
    expect(await swarmState('h1')).toBe('inactive');
    await fixture.swarmOk('h1', 'restore', file, '--passphrase-file', join(folder, 'passphrase'), ...where);
    expect(await configs('h1')).toEqual(['from-the-beginning']);
    await addConfig('h1', 'after-the-restore');
    // Its only worker knows this address and has a certificate of the cluster's own authority.
    await waitUntil(
      'h4 is Ready',
      async () =>
        (await fixture.docker('h1', 'node', 'ls', '--format', '{{.Hostname}} {{.Status}}')).stdout.includes(
          'h4 Ready',
        ),
      soon,
    );
  });
});
