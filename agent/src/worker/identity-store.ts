import { X509Certificate } from 'node:crypto';
import { chmod, chown, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { SwarmError, errorMessage } from '@skep/kernel';
import { ManagerAddress } from '@skep/wire';

/** `state.json`: this node's place in a swarm. */
export const NodeState = z.strictObject({
  v: z.literal(1),
  nodeId: z.string(),
  clusterId: z.string(),
  role: z.enum(['worker', 'manager']),
  /** Managers as last heard, to begin a session with. */
  managers: z.array(ManagerAddress),
  advertiseAddr: z.string(),
  dataPathAddr: z.string().optional(),
  dataPathPort: z.int().default(4789),
  listenAddr: z.string(),
  availability: z.enum(['active', 'pause', 'drain']).optional(),
  /** Set while the manager has to be started with more than what is on its disk. */
  managerOrigin: z
    .union([
      z.strictObject({ kind: z.literal(['bootstrap', 'force', 'restore']) }),
      z.strictObject({ kind: z.literal('join'), addrs: z.array(z.string()) }),
    ])
    .optional(),
});
export type NodeState = z.infer<typeof NodeState>;

/** Certificate, key and cluster root, PEM. */
export interface NodeTls {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

/** Validity of a certificate. */
export function certificateTimes(certificatePem: string): { readonly fromMs: number; readonly toMs: number } {
  const certificate = new X509Certificate(certificatePem);
  return { fromMs: certificate.validFromDate.getTime(), toMs: certificate.validToDate.getTime() };
}

/**
 * `<data root>/node`: key, certificate, cluster root and state of this node. Files are root's, and readable for the
 * group the manager process runs with. Each is written to a temporary file, synced and renamed.
 */
export class IdentityStore {
  readonly #dir: string;
  readonly #gid: number;

  constructor(dir: string, gid: number) {
    this.#dir = dir;
    this.#gid = gid;
  }

  /** Undefined outside a swarm. @throws SwarmError `data_loss` when the file is damaged. */
  async readState(): Promise<NodeState | undefined> {
    const path = join(this.#dir, 'state.json');
    const text = await readOptional(path);
    if (text === undefined) {
      return undefined;
    }
    try {
      return NodeState.parse(JSON.parse(text));
    } catch (error) {
      throw new SwarmError('data_loss', `${path} is damaged: ${errorMessage(error)}`, { cause: error });
    }
  }

  async writeState(state: NodeState): Promise<void> {
    await this.#write('state.json', `${JSON.stringify(state, undefined, 2)}\n`);
  }

  /** @throws SwarmError `failed_precondition` when a part is missing. */
  async readTls(): Promise<NodeTls> {
    const [certificatePem, keyPem, caPem] = await Promise.all(
      ['node.crt', 'node.key', 'ca.crt'].map((name) => readOptional(join(this.#dir, name))),
    );
    if (certificatePem === undefined || keyPem === undefined || caPem === undefined) {
      throw new SwarmError('failed_precondition', `${this.#dir} holds no complete node identity`);
    }
    return { certificatePem, keyPem, caPem };
  }

  async writeKey(keyPem: string): Promise<void> {
    await this.#write('node.key', keyPem);
  }

  async readKey(): Promise<string | undefined> {
    return readOptional(join(this.#dir, 'node.key'));
  }

  /** The key first: a manager that reads in between finds a key without its certificate and tries again. */
  async writeTls(tls: NodeTls): Promise<void> {
    await this.#write('node.key', tls.keyPem);
    await this.#write('ca.crt', tls.caPem);
    await this.#write('node.crt', tls.certificatePem);
  }

  async writeBootstrap(settings: object): Promise<void> {
    await this.#write('bootstrap.json', `${JSON.stringify(settings)}\n`);
  }

  /** Forgets that this node was part of a swarm. */
  async clear(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #write(name: string, content: string): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o750 });
    await chown(this.#dir, 0, this.#gid);
    await chmod(this.#dir, 0o750);
    const path = join(this.#dir, name);
    const temporary = `${path}.new`;
    const file = await open(temporary, 'w', 0o640);
    try {
      await file.writeFile(content);
      await file.chmod(0o640);
      await file.chown(0, this.#gid);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  }
}
