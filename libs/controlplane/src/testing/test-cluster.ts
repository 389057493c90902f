import 'reflect-metadata';

import { createPrivateKey, webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { pino } from 'pino';
import { WebSocket } from 'ws';

import { encodeFrame, decodeFrame, CertificateAnswer, type CertificateRequest } from '@skep/wire';

import type { ControlPlane } from '../control-plane-api.ts';
import type { ControlPlaneOptions } from '../control-plane-options.ts';
import { createControlPlane } from '../control-plane.ts';
import type { TlsMaterial } from '../driver/raft-handle.ts';
import { freePort } from '../driver/testing/test-group.ts';

export const silentLog = pino({ level: process.env['SKEP_TEST_LOG'] ?? 'silent' });

/** A node's key and request, as swarmd makes them. */
export async function newNodeKey(): Promise<{ readonly keyPem: string; readonly csrPem: string }> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=node',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
  return { keyPem: key.export({ format: 'pem', type: 'pkcs8' }).toString(), csrPem: csr.toString('pem') };
}

/** Asks for a certificate on `/ca/join` (no client certificate) or `/ca/renew`. */
export async function requestCertificate(
  addr: string,
  request: Omit<CertificateRequest, 't'>,
  tls?: TlsMaterial,
): Promise<CertificateAnswer> {
  const socket = new WebSocket(`wss://${addr}${tls === undefined ? '/ca/join' : '/ca/renew'}`, {
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ...(tls === undefined ? {} : { cert: tls.certificatePem, key: tls.keyPem }),
  });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => {
      reject(new Error('connection closed without an answer'));
    });
    socket.on('message', (data: Buffer) => {
      resolve(decodeFrame(CertificateAnswer, data));
      socket.close();
    });
    socket.on('open', () => {
      socket.send(encodeFrame({ t: 'certificateRequest', ...request }));
    });
  });
}

/** A node that has joined: what swarmd keeps in its folder. */
export interface JoinedNode {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly tls: TlsMaterial;
}

/** Managers on loopback ports, with folders of their own. */
export class TestCluster {
  readonly root = mkdtempSync(join(tmpdir(), 'skep-cp-'));
  readonly managers = new Map<string, ControlPlane>();
  readonly #places = new Map<
    string,
    { readonly dir: string; readonly addr: string; readonly port: number }
  >();
  readonly #extra: Partial<ControlPlaneOptions>;
  #count = 0;

  constructor(extra: Partial<ControlPlaneOptions> = {}) {
    this.#extra = extra;
  }

  /** Address of a manager's port. */
  addr(nodeId: string): string {
    return this.#place(nodeId).addr;
  }

  async bootstrap(): Promise<ControlPlane> {
    const place = await this.#newPlace();
    const { keyPem } = await newNodeKey();
    writeFileSync(join(place.dir, 'node', 'node.key'), keyPem);
    const manager = await this.#create(place, {
      origin: { kind: 'bootstrap' },
      bootstrap: { clusterName: 'test' },
    });
    return this.#run(manager, place);
  }

  /** Joins a node with a token. */
  async joinNode(token: string, via: string): Promise<JoinedNode & { readonly keyPem: string }> {
    const { keyPem, csrPem } = await newNodeKey();
    const answer = await requestCertificate(via, { token, csrPem, hostname: 'host' });
    const leaderAddr = answer.t === 'refused' ? answer.error.details?.['leaderAddr'] : undefined;
    if (typeof leaderAddr === 'string' && leaderAddr !== via) {
      return this.joinNode(token, leaderAddr);
    }
    if (answer.t !== 'certificate') {
      throw new Error(answer.error.message);
    }
    const { nodeId, clusterId, certificatePem, caPem } = answer;
    return { nodeId, clusterId, keyPem, tls: { certificatePem, caPem, keyPem } };
  }

  /** Joins one more manager. */
  async join(token: string, via: string): Promise<ControlPlane> {
    const node = await this.joinNode(token, via);
    const place = await this.#newPlace();
    writeFileSync(join(place.dir, 'node', 'node.key'), node.tls.keyPem);
    writeFileSync(join(place.dir, 'node', 'node.crt'), node.tls.certificatePem);
    writeFileSync(join(place.dir, 'node', 'ca.crt'), node.tls.caPem);
    const manager = await this.#create(place, { origin: { kind: 'join', peers: [via] } });
    return this.#run(manager, place);
  }

  /** Folder of a manager. */
  folder(nodeId: string): string {
    return this.#place(nodeId).dir;
  }

  /** Key and certificates in a manager's folder. */
  tlsIn(dir: string): TlsMaterial {
    const read = (name: string): string => readFileSync(join(dir, 'node', name), 'utf8');
    return { keyPem: read('node.key'), certificatePem: read('node.crt'), caPem: read('ca.crt') };
  }

  /** Tries to join with the identity in a folder, but without the Raft state there. */
  async rejoin(dir: string, via: string): Promise<ControlPlane> {
    rmSync(join(dir, 'raft'), { recursive: true, force: true });
    const port = await freePort();
    const manager = await this.#create(
      { dir, port, addr: `127.0.0.1:${String(port)}` },
      { origin: { kind: 'join', peers: [via] } },
    );
    try {
      await manager.start();
    } catch (error) {
      await manager.stop();
      throw error;
    }
    return manager;
  }

  /** Starts a stopped manager again on what is on its disk. */
  async restart(nodeId: string, options: Partial<ControlPlaneOptions> = {}): Promise<ControlPlane> {
    const place = this.#place(nodeId);
    const nodeDir = join(place.dir, 'node');
    if (!existsSync(join(nodeDir, 'node.crt'))) {
      // swarmd takes the first manager's certificate over.
      const issued = JSON.parse(
        readFileSync(join(place.dir, 'raft', 'identity.json'), 'utf8'),
      ) as TlsMaterial;
      writeFileSync(join(nodeDir, 'node.crt'), issued.certificatePem);
      writeFileSync(join(nodeDir, 'ca.crt'), issued.caPem);
    }
    return this.#run(await this.#create(place, { origin: { kind: 'restart' }, ...options }), place);
  }

  /** A manager on a host of its own that begins with the state of a backup. */
  async restore(backup: { readonly logIndex: number; readonly data: Uint8Array }): Promise<ControlPlane> {
    const place = await this.#newPlace();
    const { keyPem } = await newNodeKey();
    writeFileSync(join(place.dir, 'node', 'node.key'), keyPem);
    const manager = await this.#create(place, {
      origin: { kind: 'restore', ...backup },
      bootstrap: { clusterName: 'unused' },
    });
    return this.#run(manager, place);
  }

  async stop(nodeId: string): Promise<void> {
    const manager = this.managers.get(nodeId);
    this.managers.delete(nodeId);
    await manager?.stop();
  }

  /** The manager that leads and is ready, looked for until it is there. */
  async leader(): Promise<ControlPlane> {
    let found: ControlPlane | undefined;
    await eventually('a leader', () => {
      found = [...this.managers.values()].find((manager) => manager.status().isLeader);
      return found !== undefined;
    });
    if (found === undefined) {
      throw new Error('no leader');
    }
    return found;
  }

  async close(): Promise<void> {
    await Promise.all([...this.managers.values()].map((manager) => manager.stop()));
    rmSync(this.root, { recursive: true, force: true });
  }

  #place(nodeId: string): { readonly dir: string; readonly addr: string; readonly port: number } {
    const place = this.#places.get(nodeId);
    if (place === undefined) {
      throw new Error(`no manager ${nodeId}`);
    }
    return place;
  }

  async #newPlace(): Promise<{ dir: string; addr: string; port: number }> {
    this.#count += 1;
    const dir = join(this.root, `m${String(this.#count)}`);
    mkdirSync(join(dir, 'node'), { recursive: true });
    const port = await freePort();
    return { dir, port, addr: `127.0.0.1:${String(port)}` };
  }

  #create(
    place: { readonly dir: string; readonly addr: string; readonly port: number },
    options: Pick<ControlPlaneOptions, 'origin'> & Partial<ControlPlaneOptions>,
  ): Promise<ControlPlane> {
    return createControlPlane({
      nodeDir: join(place.dir, 'node'),
      raftDir: join(place.dir, 'raft'),
      listen: { host: '127.0.0.1', port: place.port },
      advertiseAddr: place.addr,
      log: silentLog,
      raftTickMs: 20,
      // These tests place tasks by hand.
      loops: () => ({ start: () => undefined, stop: () => undefined }),
      onFatal: (error) => {
        throw error;
      },
      ...this.#extra,
      ...options,
    });
  }

  async #run(
    manager: ControlPlane,
    place: { readonly dir: string; readonly addr: string; readonly port: number },
  ): Promise<ControlPlane> {
    this.#places.set(manager.nodeId, place);
    this.managers.set(manager.nodeId, manager);
    await manager.start();
    return manager;
  }
}

/** Waits until `check` holds, looking often. */
export async function eventually(what: string, check: () => boolean, timeoutMs = 15_000): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  while (!check()) {
    if (Date.now() > deadlineMs) {
      throw new Error(`not within ${String(timeoutMs)} ms: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
