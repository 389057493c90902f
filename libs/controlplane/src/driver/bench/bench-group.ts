import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import type { RaftStartOptions, RaftStatus } from '../raft-handle.ts';
import { TestAuthority, freePort } from '../testing/test-group.ts';

/** Asks a forked process for something and waits for its answer; one question at a time. */
export async function ask<T>(child: ChildProcess, order: object): Promise<T> {
  child.send(order);
  const [answer] = (await once(child, 'message')) as [{ value?: T; error?: string }];
  if (answer.error !== undefined) {
    throw new Error(answer.error);
  }
  return answer.value as T;
}

/** Waits until `check` says yes. */
export async function waitUntil(what: string, check: () => Promise<boolean>, everyMs = 50): Promise<void> {
  const deadlineMs = Date.now() + 60_000;
  while (!(await check())) {
    if (Date.now() > deadlineMs) {
      throw new Error(`not within a minute: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** One member of a system under test. */
export interface BenchMember {
  readonly process: ChildProcess;
  /** Where clients connect. */
  readonly clientPort: number;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit');
  }
}

/** Ends processes that this benchmark started. */
export async function killMembers(members: readonly BenchMember[]): Promise<void> {
  for (const member of members) {
    member.process.kill('SIGKILL');
    await ended(member.process);
  }
}

/** Three members of this project's Raft, each a process of its own, with fsync, encryption and mutual TLS. */
export async function startSkep(
  folder: string,
  execArgv: readonly string[] = [],
): Promise<readonly BenchMember[]> {
  const authority = await TestAuthority.create();
  const members: BenchMember[] = [];
  let firstAddr = '';
  for (let i = 1; i <= 3; i += 1) {
    const nodeId = `n${String(i)}`;
    const port = await freePort();
    const clientPort = await freePort();
    const addr = `127.0.0.1:${String(port)}`;
    const child = fork(new URL('./raft-bench-member.ts', import.meta.url), {
      execArgv: [...process.execArgv, ...(i === 1 ? execArgv : [])],
    });
    members.push({ process: child, clientPort });
    const options: RaftStartOptions = {
      dataDir: join(folder, nodeId),
      nodeId,
      clusterId: authority.clusterId,
      listen: { host: '127.0.0.1', port },
      advertiseAddr: addr,
      tls: await authority.issue(nodeId, 'manager'),
      origin: i === 1 ? { kind: 'bootstrap' } : { kind: 'join', peers: [firstAddr] },
    };
    firstAddr ||= addr;
    await ask(child, { op: 'start', options, port: clientPort });
  }
  await waitUntil('three voters', async () => {
    const status = await statusOf(members[0] as BenchMember);
    return status.members.length === 3 && status.members.every((member) => member.role === 'voter');
  });
  return members;
}

export async function statusOf(member: BenchMember): Promise<RaftStatus> {
  return ask<RaftStatus>(member.process, { op: 'status' });
}

/** Three members of etcd as Debian ships it, with its defaults but for addresses; fsync is always on there. */
export async function startEtcd(folder: string): Promise<readonly BenchMember[]> {
  const names = ['e1', 'e2', 'e3'];
  const ports = await Promise.all(
    names.map(async () => ({ peer: await freePort(), client: await freePort() })),
  );
  const cluster = names.map((name, i) => `${name}=http://127.0.0.1:${String(ports[i]?.peer)}`).join(',');
  const members = names.map((name, i): BenchMember => {
    const peer = `http://127.0.0.1:${String(ports[i]?.peer)}`;
    const client = `http://127.0.0.1:${String(ports[i]?.client)}`;
    const child = spawn(
      'etcd',
      [
        ...['--name', name, '--data-dir', join(folder, name), '--log-level', 'error'],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--initial-cluster', cluster, '--initial-cluster-state', 'new'],
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    return { process: child, clientPort: ports[i]?.client ?? 0 };
  });
  return members;
}

/** The member of etcd that leads, by its JSON gateway. */
export async function etcdLeader(members: readonly BenchMember[]): Promise<BenchMember | undefined> {
  for (const member of members) {
    const response = await fetch(`http://127.0.0.1:${String(member.clientPort)}/v3/maintenance/status`, {
      method: 'POST',
      body: '{}',
    }).catch(() => undefined);
    const status = (await response?.json()) as
      { leader?: string; header?: { member_id?: string } } | undefined;
    if (status?.leader !== undefined && status.leader === status.header?.member_id) {
      return member;
    }
  }
  return undefined;
}
