import 'reflect-metadata';

import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { pino } from 'pino';

import { newObjectId } from '@skep/kernel';

import { createRootCa, issueNodeCertificate, type RootCa } from '../../ca/authority.ts';
import { createRaftHandle } from '../raft-client.ts';
import type { RaftHandle, RaftOrigin, RaftStartOptions, TlsMaterial } from '../raft-handle.ts';

const DAY_MS = 86_400_000;

/** A certificate authority with certificates for nodes, made for one test. */
export class TestAuthority {
  readonly clusterId = newObjectId((count) => randomBytes(count));
  readonly #root: RootCa;

  private constructor(root: RootCa) {
    this.#root = root;
  }

  static async create(): Promise<TestAuthority> {
    return new TestAuthority(await createRootCa(Date.now()));
  }

  get caPem(): string {
    return this.#root.certificatePem;
  }

  async issue(nodeId: string, role: 'manager' | 'worker', clusterId = this.clusterId): Promise<TlsMaterial> {
    const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const csr = await Pkcs10CertificateRequestGenerator.create({
      name: 'CN=unused',
      keys,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    });
    const issued = await issueNodeCertificate(this.#root, {
      csrPem: csr.toString('pem'),
      nodeId,
      role,
      clusterId,
      nowMs: Date.now(),
      validMs: 90 * DAY_MS,
      hosts: ['127.0.0.1'],
    });
    const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    const key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
    const keyPem = key.export({ format: 'pem', type: 'pkcs8' }).toString();
    return { caPem: this.caPem, certificatePem: issued.certificatePem, keyPem };
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until `check` holds, looking often; fails after `timeoutMs` with what was waited for. */
export async function until(what: string, check: () => boolean, timeoutMs = 15_000): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  while (!check()) {
    if (Date.now() > deadlineMs) {
      throw new Error(`not within ${String(timeoutMs)} ms: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** One member as a test sees it: a counter of what was applied, and the list itself. */
export interface TestMember {
  readonly nodeId: string;
  readonly addr: string;
  readonly applied: string[];
  handle: RaftHandle;
  lastIndex: number;
  snapshotsTaken: number;
  snapshotsRestored: number;
}

/** A group of members in this process, over TLS on the loopback, each with a folder of its own. */
export class TestGroup {
  readonly authority: TestAuthority;
  readonly folder: string;
  readonly members = new Map<string, TestMember>();
  /** Where members listen; their addresses name a port of it. */
  listenHost = '127.0.0.1';
  readonly #overrides: Partial<RaftStartOptions>;
  readonly #tls = new Map<string, TlsMaterial>();

  private constructor(authority: TestAuthority, overrides: Partial<RaftStartOptions>) {
    this.authority = authority;
    this.#overrides = overrides;
    this.folder = mkdtempSync(join(tmpdir(), 'skep-raft-test-'));
  }

  static async create(overrides: Partial<RaftStartOptions> = {}): Promise<TestGroup> {
    return new TestGroup(await TestAuthority.create(), { tickMs: 30, ...overrides });
  }

  /** Starts a member that was not there before. */
  async add(nodeId: string, origin: RaftOrigin, addr?: string): Promise<TestMember> {
    const member: TestMember = {
      nodeId,
      addr: addr ?? `127.0.0.1:${String(await freePort())}`,
      applied: [],
      handle: createRaftHandle({ logger: pino({ level: process.env['RAFT_TEST_LOG'] ?? 'silent' }) }),
      lastIndex: 0,
      snapshotsTaken: 0,
      snapshotsRestored: 0,
    };
    this.members.set(nodeId, member);
    await this.#start(member, origin);
    return member;
  }

  async tlsOf(nodeId: string): Promise<TlsMaterial> {
    const tls = this.#tls.get(nodeId) ?? (await this.authority.issue(nodeId, 'manager'));
    this.#tls.set(nodeId, tls);
    return tls;
  }

  async #start(member: TestMember, origin: RaftOrigin): Promise<void> {
    const { handle } = member;
    handle.onCommitted(({ entries, snapshot }) => {
      if (snapshot !== undefined) {
        member.applied.splice(0);
        member.applied.push(...(JSON.parse(Buffer.from(snapshot.data).toString()) as string[]));
        member.snapshotsRestored += 1;
        member.lastIndex = snapshot.logIndex;
      }
      for (const entry of entries) {
        if (entry.data.length > 0) {
          member.applied.push(Buffer.from(entry.data).toString());
        }
        member.lastIndex = entry.logIndex;
      }
      handle.applied(member.lastIndex);
    });
    handle.snapshotNeeded(() => {
      member.snapshotsTaken += 1;
      return Promise.resolve(Buffer.from(JSON.stringify(member.applied)));
    });
    const port = member.addr.split(':')[1] ?? '0';
    await handle.start({
      dataDir: join(this.folder, member.nodeId),
      nodeId: member.nodeId,
      clusterId: this.authority.clusterId,
      listen: { host: this.listenHost, port: Number(port) },
      advertiseAddr: member.addr,
      tls: await this.tlsOf(member.nodeId),
      origin,
      ...this.#overrides,
    });
  }

  /** Stops a member, keeping its folder. */
  async stop(nodeId: string): Promise<void> {
    await this.members.get(nodeId)?.handle.stop();
  }

  /** Starts a stopped member again, from its folder. */
  async restart(nodeId: string, addr?: string): Promise<TestMember> {
    const before = this.members.get(nodeId);
    return this.add(nodeId, { kind: 'restart' }, addr ?? before?.addr);
  }

  /** A group of `count` voters, all caught up. */
  async grow(count: number): Promise<TestMember> {
    const first = await this.add('n1', { kind: 'bootstrap' });
    for (let i = 2; i <= count; i += 1) {
      await this.add(`n${String(i)}`, { kind: 'join', peers: [first.addr] });
    }
    await until('all members are voters', () => {
      const { members } = first.handle.status();
      return members.length === count && members.every((member) => member.role === 'voter');
    });
    // A group of one is made before it has elected itself.
    await this.leader();
    return first;
  }

  /** The member that leads, as those who are asked see it. */
  async leader(among: readonly string[] = [...this.members.keys()]): Promise<TestMember> {
    const find = (): TestMember | undefined =>
      among
        .map((nodeId) => this.members.get(nodeId))
        .find((member) => member?.handle.status().role === 'leader' && member.handle.status().hasQuorum);
    await until('a leader', () => find() !== undefined);
    return find() as TestMember;
  }

  /** Stops everything and removes all folders. */
  async close(): Promise<void> {
    await Promise.all([...this.members.values()].map((member) => member.handle.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
