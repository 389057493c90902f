import { mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { pino } from 'pino';

import { DockerApiServer } from '../server.ts';
import { FakeEngine } from './fake-engine.ts';
import { FakeNetworks } from './fake-networks.ts';
import { FakeNode } from './fake-node.ts';
import { FakeSwarm } from './fake-swarm.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read whatever Docker's JSON holds
  readonly json: any;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A Docker API server over fakes, on a socket of its own in a temporary directory. */
export class Harness {
  readonly engine = new FakeEngine();
  readonly networks = new FakeNetworks();
  readonly swarm: FakeSwarm;
  readonly node: FakeNode;
  readonly socketPath: string;
  readonly #directory: string;
  readonly #server: DockerApiServer;

  private constructor(directory: string, certificatePem: string | undefined) {
    this.#directory = directory;
    this.socketPath = join(directory, 'docker.sock');
    this.swarm = new FakeSwarm(certificatePem);
    this.node = new FakeNode([...this.swarm.nodes.keys()][0] ?? '');
    this.#server = new DockerApiServer({
      engine: this.engine,
      networks: this.networks,
      swarm: this.swarm,
      node: this.node,
      log: pino({ level: 'silent' }),
      versions: { product: '0.1.0' },
    });
  }

  static async start(certificatePem?: string): Promise<Harness> {
    const directory = await mkdtemp(join(tmpdir(), 'skep-docker-api-'));
    const harness = new Harness(directory, certificatePem);
    await harness.#server.listen(harness.socketPath, { mode: 0o600 });
    return harness;
  }

  async stop(): Promise<void> {
    await this.#server.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Makes this node the manager of a swarm. */
  async makeManager(): Promise<void> {
    await this.node.init({});
  }

  call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          socketPath: this.socketPath,
          method,
          path,
          headers: {
            ...(body === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
            ...options.headers,
          },
          agent: false,
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('end', () => {
            const bytes = Buffer.concat(chunks);
            const text = bytes.toString('utf8');
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              bytes,
              text,
              json: parse(text),
            });
          });
          incoming.on('error', reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
