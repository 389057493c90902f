import { PassThrough, Readable } from 'node:stream';

import { SwarmError } from '@skep/kernel';

import type {
  AttachOptions,
  ContainerApi,
  ContainerDetails,
  ContainerListOptions,
  ContainerStats,
  ContainerSummary,
  ExitStatus,
  FilesystemChange,
  LogOptions,
  LogRecord,
  PathStat,
  ProcessTable,
  WaitCondition,
} from '../../engine/container-api.ts';
import type { ContainerConfig, ContainerUpdate } from '../../engine/container-config.ts';
import type { AttachedStreams } from '../../engine/engine-api.ts';

interface Entry {
  readonly id: string;
  name: string;
  config: ContainerConfig;
  status: 'created' | 'running' | 'paused' | 'exited';
  exitCode: number;
  createdAtMs: number;
  startedAtMs: number;
  finishedAtMs: number;
  output: LogRecord[];
  stdin: PassThrough;
  stdout: PassThrough;
  stderr: PassThrough;
  waiters: ((status: ExitStatus) => void)[];
}

/**
 * Containers in memory. Their "process" is a small script: `echo <words>` prints and exits 0, `cat` copies its input
 * until it ends, `fail` writes to stderr and exits 3, anything else runs until it is stopped.
 */
export class FakeContainers implements ContainerApi {
  readonly entries = new Map<string, Entry>();
  /** Ids of containers that clients have left. */
  readonly detached: string[] = [];
  readonly archives: { readonly path: string; readonly bytes: Buffer }[] = [];
  readonly hasImage: (image: string) => boolean;
  #count = 0;

  constructor(hasImage: (image: string) => boolean) {
    this.hasImage = hasImage;
  }

  #get(ref: string): Entry {
    const bare = ref.replace(/^\//, '');
    const found = [...this.entries.values()].find(
      (one) => one.name === bare || (bare !== '' && one.id.startsWith(bare)),
    );
    if (found === undefined) {
      throw new SwarmError('not_found', `No such container: ${ref}`);
    }
    return found;
  }

  async create(config: ContainerConfig): Promise<{ id: string; warnings: readonly string[] }> {
    if (!this.hasImage(config.image)) {
      throw new SwarmError('not_found', `No such image: ${config.image}`);
    }
    this.#count += 1;
    const id = this.#count.toString(16).padStart(2, '0').repeat(32);
    const name = config.name ?? `fake_${String(this.#count)}`;
    if ([...this.entries.values()].some((one) => one.name === name)) {
      throw new SwarmError(
        'name_conflict',
        `Conflict. The container name "/${name}" is already in use by container "${id}". ` +
          'You have to remove (or rename) that container to be able to reuse that name.',
      );
    }
    this.entries.set(id, {
      id,
      name,
      config,
      status: 'created',
      exitCode: 0,
      createdAtMs: 1_700_000_000_000 + this.#count * 1000,
      startedAtMs: 0,
      finishedAtMs: 0,
      output: [],
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      waiters: [],
    });
    return { id, warnings: [] };
  }

  async start(ref: string): Promise<boolean> {
    const entry = this.#get(ref);
    if (entry.status === 'running') {
      return false;
    }
    entry.status = 'running';
    entry.startedAtMs = Date.now();
    this.#run(entry);
    return true;
  }

  #run(entry: Entry): void {
    const [program = '', ...args] = entry.config.cmd ?? [];
    if (program === 'echo') {
      this.#print(entry, 'stdout', `${args.join(' ')}\n`);
      this.#exit(entry, 0);
    } else if (program === 'fail') {
      this.#print(entry, 'stderr', 'it went wrong\n');
      this.#exit(entry, 3);
    } else if (program === 'cat') {
      entry.stdin.on('data', (chunk: Buffer) => {
        this.#print(entry, 'stdout', chunk);
      });
      entry.stdin.once('end', () => {
        this.#exit(entry, 0);
      });
    }
  }

  #print(entry: Entry, stream: 'stdout' | 'stderr', text: string | Buffer): void {
    const data = Buffer.from(text);
    entry.output.push({ stream, timestamp: '2026-01-02T03:04:05.000000006Z', timeMs: Date.now(), data });
    entry[stream].write(data);
  }

  #exit(entry: Entry, exitCode: number): void {
    entry.status = 'exited';
    entry.exitCode = exitCode;
    entry.finishedAtMs = Date.now();
    entry.stdout.end();
    entry.stderr.end();
    if (entry.config.autoRemove === true) {
      this.entries.delete(entry.id);
    }
    for (const waiter of entry.waiters.splice(0)) {
      waiter(this.#exitStatus(entry));
    }
  }

  #exitStatus(entry: Entry): ExitStatus {
    return { exitCode: entry.exitCode, isOomKilled: false, finishedAtMs: entry.finishedAtMs, error: '' };
  }

  async stop(ref: string): Promise<boolean> {
    const entry = this.#get(ref);
    if (entry.status !== 'running' && entry.status !== 'paused') {
      return false;
    }
    this.#exit(entry, 143);
    return true;
  }

  async kill(ref: string): Promise<void> {
    const entry = this.#get(ref);
    if (entry.status !== 'running') {
      throw new SwarmError('failed_precondition', `container ${entry.id} is not running`, {
        details: { dockerStatus: 409 },
      });
    }
    this.#exit(entry, 137);
  }

  async restart(ref: string): Promise<void> {
    await this.stop(ref);
    await this.start(ref);
  }

  async pause(ref: string): Promise<void> {
    this.#get(ref).status = 'paused';
  }

  async unpause(ref: string): Promise<void> {
    this.#get(ref).status = 'running';
  }

  async rename(ref: string, name: string): Promise<void> {
    this.#get(ref).name = name;
  }

  async update(ref: string, update: ContainerUpdate): Promise<{ warnings: readonly string[] }> {
    const entry = this.#get(ref);
    entry.config = { ...entry.config, resources: { ...entry.config.resources, ...update.resources } };
    return { warnings: [] };
  }

  async remove(ref: string, options: { readonly force?: boolean } = {}): Promise<void> {
    const entry = this.#get(ref);
    if (entry.status === 'running') {
      if (options.force !== true) {
        throw new SwarmError(
          'failed_precondition',
          `cannot remove container "/${entry.name}": container is running: stop the container before removing or force remove`,
          { details: { dockerStatus: 409 } },
        );
      }
      this.#exit(entry, 137);
    }
    this.entries.delete(entry.id);
  }

  wait(ref: string, condition: WaitCondition = 'not-running', signal?: AbortSignal): Promise<ExitStatus> {
    const entry = this.#get(ref);
    if (condition === 'not-running' && entry.status !== 'running') {
      return Promise.resolve(this.#exitStatus(entry));
    }
    return new Promise((resolve, reject) => {
      entry.waiters.push(resolve);
      signal?.addEventListener('abort', () => {
        reject(new SwarmError('cancelled', 'the wait was given up'));
      });
    });
  }

  resolve(ref: string): string {
    return this.#get(ref).id;
  }

  #summary(entry: Entry): ContainerSummary {
    return {
      id: entry.id,
      name: entry.name,
      image: entry.config.image,
      imageId: `sha256:${'1'.repeat(64)}`,
      command: [...(entry.config.entrypoint ?? []), ...(entry.config.cmd ?? [])],
      createdAtMs: entry.createdAtMs,
      state: {
        status: entry.status,
        pid: entry.status === 'running' ? 4711 : 0,
        exitCode: entry.exitCode,
        isOomKilled: false,
        error: '',
        startedAtMs: entry.startedAtMs,
        finishedAtMs: entry.finishedAtMs,
        health: null,
      },
      labels: entry.config.labels ?? {},
      networkMode: entry.config.network?.mode ?? 'bridge',
      interfaces:
        entry.status === 'running'
          ? [
              {
                networkId: 'b1'.padEnd(64, '0'),
                networkName: 'bridge',
                endpointId: 'e1',
                interfaceName: 'eth0',
                macAddress: '02:42:ac:11:00:02',
                ipv4Address: '172.17.0.2/16',
                gateway: '172.17.0.1',
                aliases: [],
                dnsNames: [],
              },
            ]
          : [],
      ports:
        entry.status === 'running'
          ? (entry.config.network?.publications ?? []).map((one) => ({
              containerPort: one.containerPort,
              protocol: one.protocol,
              hostAddress: one.hostAddress ?? '0.0.0.0',
              hostPort: one.hostPort ?? 32_768,
            }))
          : [],
      exposedPorts: entry.config.exposedPorts ?? [],
      mounts: [],
    };
  }

  async inspect(ref: string, options: { readonly withSizes?: boolean } = {}): Promise<ContainerDetails> {
    const entry = this.#get(ref);
    return {
      ...this.#summary(entry),
      ...(options.withSizes === true ? { writableBytes: 10, rootfsBytes: 20 } : {}),
      config: entry.config,
      effective: {
        env: ['PATH=/bin', ...(entry.config.env ?? [])],
        cmd: entry.config.cmd ?? [],
        entrypoint: entry.config.entrypoint ?? [],
        workingDir: entry.config.workingDir ?? '/',
        user: entry.config.user ?? '',
        stopSignal: 'SIGTERM',
        hostname: entry.config.hostname ?? entry.id.slice(0, 12),
        labels: entry.config.labels ?? {},
      },
      restartCount: 0,
      runtime: 'crun',
      paths: { log: '/log', hosts: '/hosts', hostname: '/hostname', resolvConf: '/resolv.conf' },
      overlay: { lower: ['/l'], upper: '/u', work: '/w', merged: '/m' },
      netnsPath: '/run/netns/x',
      execIds: [],
    };
  }

  async list(options: ContainerListOptions = {}): Promise<readonly ContainerSummary[]> {
    return [...this.entries.values()]
      .filter((entry) => options.all === true || entry.status === 'running')
      .map((entry) => this.#summary(entry));
  }

  async *logs(ref: string, options: LogOptions = {}): AsyncGenerator<LogRecord> {
    const entry = this.#get(ref);
    const wanted = entry.output.filter((record) => options[record.stream] === true);
    yield* options.tail === undefined ? wanted : wanted.slice(wanted.length - options.tail);
  }

  async attach(ref: string, options: AttachOptions = {}): Promise<AttachedStreams> {
    const entry = this.#get(ref);
    return {
      stdout: entry.stdout,
      stderr: entry.config.tty === true ? null : entry.stderr,
      stdin: options.stdin === true ? entry.stdin : null,
      detach: () => {
        entry.stdout.end();
        entry.stderr.end();
      },
    };
  }

  noteDetach(ref: string): void {
    this.detached.push(this.#get(ref).id);
  }

  async resize(ref: string): Promise<void> {
    this.#get(ref);
  }

  async top(ref: string): Promise<ProcessTable> {
    this.#get(ref);
    return { titles: ['PID', 'CMD'], processes: [['1', 'sleep']] };
  }

  async stats(ref: string): Promise<ContainerStats> {
    const entry = this.#get(ref);
    return {
      timeMs: Date.now(),
      cpuUsageNano: (Date.now() - entry.startedAtMs) * 500_000,
      cpuUserNano: 1,
      cpuSystemNano: 2,
      hostCpuNano: Date.now() * 2_000_000,
      onlineCpus: 2,
      throttledPeriods: 0,
      throttledNano: 0,
      memoryUsageBytes: 3 * 1024 * 1024,
      memoryInactiveFileBytes: 1024 * 1024,
      memoryLimitBytes: 100 * 1024 * 1024,
      pids: 1,
      pidsLimit: 0,
      blockReadBytes: 0,
      blockWriteBytes: 4096,
      interfaces: {},
    };
  }

  async diff(): Promise<readonly FilesystemChange[]> {
    return [{ path: '/tmp/x', kind: 'added' }];
  }

  async statPath(ref: string, path: string): Promise<PathStat> {
    this.#get(ref);
    if (path === '/missing') {
      throw new SwarmError('not_found', `Could not find the file ${path} in container ${ref}`);
    }
    const isDirectory = path === '/' || path === '/tmp';
    return {
      name: path.split('/').at(-1) ?? '',
      sizeBytes: 5,
      mode: isDirectory ? 0o040755 : 0o100644,
      modifiedAtMs: 1_700_000_000_000,
      linkTarget: '',
    };
  }

  async getArchive(ref: string, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    const last = this.archives.at(-1);
    if (last === undefined) {
      throw new SwarmError('not_found', `Could not find the file ${path} in container ${ref}`);
    }
    return { stat: await this.statPath(ref, path), tar: Readable.from([last.bytes]) };
  }

  async putArchive(ref: string, path: string, tar: Readable): Promise<void> {
    this.#get(ref);
    const chunks: Buffer[] = [];
    for await (const chunk of tar as AsyncIterable<Buffer>) {
      chunks.push(chunk);
    }
    this.archives.push({ path, bytes: Buffer.concat(chunks) });
  }

  async exportArchive(ref: string): Promise<Readable> {
    this.#get(ref);
    return Readable.from([Buffer.from('tar')]);
  }

  async connectNetwork(ref: string): Promise<void> {
    this.#get(ref);
  }

  async disconnectNetwork(ref: string): Promise<void> {
    this.#get(ref);
  }

  async prune(
    isPrunable: (summary: ContainerSummary) => boolean = () => true,
  ): Promise<{ ids: readonly string[]; reclaimedBytes: number }> {
    const gone = [...this.entries.values()].filter(
      (entry) => entry.status !== 'running' && isPrunable(this.#summary(entry)),
    );
    for (const entry of gone) {
      this.entries.delete(entry.id);
    }
    return { ids: gone.map(({ id }) => id), reclaimedBytes: 0 };
  }
}
