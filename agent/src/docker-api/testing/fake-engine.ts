import { PassThrough, Readable } from 'node:stream';

import { SwarmError } from '@skep/kernel';

import type { DiskUsage, EngineApi, EngineEvent, EngineInfo, EventApi } from '../../engine/engine-api.ts';
import type { ExecApi, ExecConfig, ExecDetails, StartedExec } from '../../engine/exec-api.ts';
import type {
  ImageApi,
  ImageDetails,
  ImageHistoryEntry,
  ImageRemoval,
  ImageSummary,
  PullOptions,
  PullResult,
  RegistryCredentials,
} from '../../engine/image-api.ts';
import type { VolumeApi, VolumeDetails, VolumeSpec } from '../../volume/volume-api.ts';
import { FakeBuilds } from './fake-builds.ts';
import { FakeContainers } from './fake-containers.ts';

function withTag(reference: string): string {
  return /:[^/]+$/.test(reference) ? reference : `${reference}:latest`;
}

/** Images by tag. Pulling `missing...` fails, `broken...` fails half-way. */
export class FakeImages implements ImageApi {
  readonly tags = new Set<string>(['busybox:latest']);
  lastPull: PullOptions | undefined;

  #find(ref: string): string {
    const tag = withTag(ref);
    if (!this.tags.has(tag) && ref !== 'sha256:1' && !'1'.repeat(64).startsWith(ref)) {
      throw new SwarmError('not_found', `No such image: ${tag}`);
    }
    return this.tags.has(tag) ? tag : 'busybox:latest';
  }

  async pull(reference: string, options: PullOptions = {}): Promise<PullResult> {
    this.lastPull = options;
    if (reference.startsWith('missing')) {
      throw new SwarmError('not_found', `manifest for ${reference} not found: manifest unknown`);
    }
    options.onProgress?.({ id: '0123456789ab', status: 'Pulling fs layer' });
    options.onProgress?.({ id: '0123456789ab', status: 'Downloading', currentBytes: 512, totalBytes: 1024 });
    if (reference.startsWith('broken')) {
      throw new SwarmError('unavailable', 'connection reset by peer');
    }
    options.onProgress?.({ id: '0123456789ab', status: 'Pull complete' });
    const isNew = !this.tags.has(withTag(reference));
    this.tags.add(withTag(reference));
    return {
      digest: `sha256:${'d'.repeat(64)}`,
      imageId: `sha256:${'1'.repeat(64)}`,
      isNew,
      reference: `docker.io/library/${withTag(reference)}`,
    };
  }

  /** Takes the password `right` only. */
  async checkLogin(credentials: RegistryCredentials, domain = 'docker.io'): Promise<void> {
    if (credentials.password !== 'right') {
      throw new SwarmError(
        'unauthenticated',
        `login attempt to ${domain} failed with status: 401 Unauthorized`,
      );
    }
    return Promise.resolve();
  }

  async push(reference: string, options: PullOptions = {}): Promise<{ digest: string; sizeBytes: number }> {
    this.#find(reference);
    options.onProgress?.({ id: '0123456789ab', status: 'Pushed' });
    return { digest: `sha256:${'d'.repeat(64)}`, sizeBytes: 528 };
  }

  async resolveDigest(reference: string): ReturnType<ImageApi['resolveDigest']> {
    if (reference.startsWith('missing')) {
      throw new SwarmError('not_found', `manifest for ${reference} not found: manifest unknown`);
    }
    return {
      digest: `sha256:${'d'.repeat(64)}`,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      sizeBytes: 528,
      platforms: [{ architecture: 'amd64', os: 'linux', variant: '' }],
    };
  }

  async has(ref: string): Promise<boolean> {
    return this.tags.has(withTag(ref));
  }

  async list(): Promise<readonly ImageSummary[]> {
    return [...this.tags].map((tag) => this.#summary(tag));
  }

  #summary(tag: string): ImageSummary {
    return {
      id: `sha256:${'1'.repeat(64)}`,
      tags: [tag],
      digests: [`${tag.split(':')[0] ?? ''}@sha256:${'d'.repeat(64)}`],
      createdAtMs: 1_700_000_000_000,
      sizeBytes: 4_000_000,
      labels: {},
      architecture: 'amd64',
      os: 'linux',
      containers: 0,
    };
  }

  async inspect(ref: string): Promise<ImageDetails> {
    return {
      ...this.#summary(this.#find(ref)),
      variant: '',
      author: '',
      comment: '',
      config: {
        env: ['PATH=/bin'],
        cmd: ['sh'],
        entrypoint: [],
        workingDir: '',
        user: '',
        exposedPorts: [],
        volumes: [],
        labels: {},
        stopSignal: '',
        healthcheck: null,
        shell: [],
        onBuild: [],
      },
      layers: [`sha256:${'2'.repeat(64)}`],
      manifestDigest: `sha256:${'d'.repeat(64)}`,
      lastTaggedAtMs: 0,
    };
  }

  async history(ref: string): Promise<readonly ImageHistoryEntry[]> {
    this.#find(ref);
    return [
      {
        id: `sha256:${'1'.repeat(64)}`,
        createdAtMs: 1_700_000_000_000,
        createdBy: 'CMD ["sh"]',
        tags: [ref],
        sizeBytes: 0,
        comment: '',
      },
    ];
  }

  async tag(ref: string, reference: string): Promise<void> {
    this.#find(ref);
    this.tags.add(withTag(reference));
  }

  async remove(ref: string): Promise<ImageRemoval> {
    const tag = this.#find(ref);
    this.tags.delete(tag);
    return { untagged: [tag], deleted: [] };
  }

  async prune(): Promise<ImageRemoval & { reclaimedBytes: number }> {
    return { untagged: [], deleted: [], reclaimedBytes: 0 };
  }

  async save(refs: readonly string[]): Promise<Readable> {
    refs.forEach((ref) => this.#find(ref));
    return Readable.from([Buffer.from(`tar of ${refs.join(' ')}`)]);
  }

  async load(tar: Readable): Promise<readonly { imageId: string; tags: readonly string[] }[]> {
    const chunks: Buffer[] = [];
    for await (const chunk of tar as AsyncIterable<Buffer>) {
      chunks.push(chunk);
    }
    this.tags.add('loaded:latest');
    return [{ imageId: `sha256:${'1'.repeat(64)}`, tags: ['loaded:latest'] }];
  }

  async importRootfs(): Promise<string> {
    return `sha256:${'1'.repeat(64)}`;
  }

  async commit(): Promise<string> {
    return `sha256:${'1'.repeat(64)}`;
  }
}

/** Execs run the same scripts as the fake's containers; `nope` cannot be started. */
export class FakeExecs implements ExecApi {
  /** Ids of execs that clients have left. */
  readonly detached: string[] = [];
  readonly #containers: FakeContainers;
  readonly #execs = new Map<string, { details: ExecDetails }>();

  constructor(containers: FakeContainers) {
    this.#containers = containers;
  }

  async create(containerRef: string, config: ExecConfig): Promise<string> {
    const { id: containerId, state, name } = await this.#containers.inspect(containerRef);
    if (state.status !== 'running') {
      throw new SwarmError('failed_precondition', `container ${name} is not running`, {
        details: { dockerStatus: 409 },
      });
    }
    const id = `e${String(this.#execs.size)}`.padEnd(64, '0');
    this.#execs.set(id, { details: { id, containerId, config, isRunning: false, exitCode: null, pid: 0 } });
    return id;
  }

  #set(id: string, change: Partial<ExecDetails>): void {
    this.#execs.set(id, { details: { ...this.inspect(id), ...change } });
  }

  async start(id: string): Promise<StartedExec> {
    const { config } = this.inspect(id);
    const [program = '', ...args] = config.cmd;
    if (program === 'nope') {
      this.#set(id, { exitCode: 127 });
      throw new SwarmError('invalid_argument', 'exec: "nope": executable file not found in $PATH');
    }
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    this.#set(id, { isRunning: true, pid: 99 });
    const exitCode = new Promise<number>((resolve) => {
      const exit = (code: number): void => {
        this.#set(id, { isRunning: false, exitCode: code, pid: 0 });
        stdout.end();
        stderr.end();
        resolve(code);
      };
      if (program === 'cat') {
        stdin.pipe(stdout, { end: false });
        stdin.once('end', () => {
          exit(0);
        });
      } else if (program === 'fail') {
        stderr.write('it went wrong\n');
        exit(3);
      } else {
        stdout.write(`${args.join(' ')}\n`);
        exit(0);
      }
    });
    return {
      stdout,
      stderr: config.tty === true ? null : stderr,
      stdin: config.attachStdin === true ? stdin : null,
      detach: () => {
        stdout.end();
        stderr.end();
      },
      exitCode,
    };
  }

  async startDetached(id: string): Promise<void> {
    this.#set(id, { exitCode: 0 });
  }

  async resize(id: string): Promise<void> {
    this.inspect(id);
  }

  noteDetach(id: string): void {
    this.detached.push(id);
  }

  inspect(id: string): ExecDetails {
    const exec = this.#execs.get(id);
    if (exec === undefined) {
      throw new SwarmError('not_found', `No such exec instance: ${id}`);
    }
    return exec.details;
  }

  async run(): Promise<{ exitCode: number; output: Buffer; isTimedOut: boolean }> {
    return { exitCode: 0, output: Buffer.alloc(0), isTimedOut: false };
  }
}

export class FakeVolumes implements VolumeApi {
  readonly volumes = new Map<string, VolumeDetails>();

  async create(spec: VolumeSpec): Promise<VolumeDetails> {
    const name = spec.name ?? 'a'.repeat(64);
    const made: VolumeDetails = this.volumes.get(name) ?? {
      name,
      driver: spec.driver ?? 'local',
      mountpoint: `/var/lib/skep/volumes/${name}`,
      createdAtMs: 1_700_000_000_000,
      labels: spec.labels ?? {},
      options: spec.options ?? {},
      isAnonymous: spec.name === undefined,
      usedBy: [],
    };
    this.volumes.set(name, made);
    return made;
  }

  async list(): Promise<readonly VolumeDetails[]> {
    return [...this.volumes.values()];
  }

  async inspect(name: string): Promise<VolumeDetails> {
    const found = this.volumes.get(name);
    if (found === undefined) {
      throw new SwarmError('not_found', `get ${name}: no such volume`);
    }
    return found;
  }

  async remove(name: string): Promise<void> {
    await this.inspect(name);
    this.volumes.delete(name);
  }

  async prune(): Promise<{ names: readonly string[]; reclaimedBytes: number }> {
    return { names: [], reclaimedBytes: 0 };
  }

  async sizeBytes(): Promise<number> {
    return 0;
  }
}

export class FakeEvents implements EventApi {
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #recent: EngineEvent[] = [];

  get listenerCount(): number {
    return this.#listeners.size;
  }

  subscribe(listener: (event: EngineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  recent(): readonly EngineEvent[] {
    return this.#recent;
  }

  publish(event: Pick<EngineEvent, 'kind' | 'action' | 'actorId' | 'attributes'>): void {
    const whole = { ...event, timeMs: Date.now(), timeNano: BigInt(Date.now()) * 1_000_000n + 7n };
    this.#recent.push(whole);
    for (const listener of this.#listeners) {
      listener(whole);
    }
  }
}

/** The engine of a host, in memory. */
export class FakeEngine implements EngineApi {
  readonly images = new FakeImages();
  readonly builds = new FakeBuilds();
  readonly containers = new FakeContainers((image) => this.images.tags.has(withTag(image)));
  readonly execs = new FakeExecs(this.containers);
  readonly volumes = new FakeVolumes();
  readonly events = new FakeEvents();

  async info(): Promise<EngineInfo> {
    return {
      engineId: 'engine',
      dataRoot: '/var/lib/skep/engine',
      storageDriver: 'overlay2',
      cgroupVersion: 2,
      cgroupDriver: 'cgroupfs',
      runtimes: { crun: { path: '/usr/bin/crun', version: '1.8' } },
      defaultRuntime: 'crun',
      conmonVersion: '2.1',
      containers: this.containers.entries.size,
      containersRunning: 0,
      containersPaused: 0,
      containersStopped: 0,
      images: this.images.tags.size,
      kernelVersion: '6.18',
      operatingSystem: 'Debian GNU/Linux 12',
      architecture: 'amd64',
      cpus: 2,
      memoryBytes: 2e9,
      insecureRegistries: [],
      registryMirrors: [],
      seccompIsAvailable: true,
      usersAreRemapped: false,
    };
  }

  async diskUsage(): Promise<DiskUsage> {
    return { layersBytes: 0, images: [], containers: [], volumes: [] };
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}
