import type { Readable } from 'node:stream';
import { SwarmError } from '@skep/kernel';
import { directoryBytes } from '../volume/local-volumes.ts';
import { Attachments } from './attachments.ts';
import { BorrowedFiles } from './borrowed-files.ts';
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
} from './container-api.ts';
import { getArchive, putArchive, statArchivePath } from './container-archive.ts';
import type { ContainerConfig, ContainerUpdate, InjectedFile } from './container-config.ts';
import { createContainer, publishContainerEvent } from './container-creator.ts';
import { listChanges } from './container-diff.ts';
import { writeNetworkFiles } from './container-files.ts';
import { linkedHosts } from './container-links.ts';
import { exitStatusOf, type ContainerLifecycle } from './container-lifecycle.ts';
import { readLogs, writeControl } from './container-logs.ts';
import { parseContainerName } from './container-names.ts';
import { isAlive, type ContainerEntry, type ContainerRecord } from './container-record.ts';
import { cgroupsPathOf, runtimeOf } from './container-starter.ts';
import { readStats } from './container-stats.ts';
import { toDetails, toSummary } from './container-views.ts';
import type { AttachedStreams } from './engine-api.ts';
import type { EngineContext } from './engine-context.ts';
import { observeHostLimits } from './host-limits.ts';
import { checkLimits, checkUpdate, type AcceptedLimits, type HostLimits } from './limit-checks.ts';
import { publishNetworkEvents } from './network-events.ts';
import type {
  AttachedInterface,
  NetworkAttachment,
  NetworkProvider,
  PreparedNetwork,
} from './network-provider.ts';
import { buildResources } from './oci-resources.ts';
import { cgroupPids, readProcessTable } from './process-table.ts';
import { updateContainer } from './runtime/oci-runtime.ts';

/** The containers of one engine: the public face over lifecycle, files, logs and streams. */
export class ContainerManager implements ContainerApi {
  readonly attachments: Attachments;
  readonly #context: EngineContext;
  readonly #lifecycle: ContainerLifecycle;
  readonly #execIdsOf: (containerId: string) => readonly string[];
  /** How many readers hold the mounted root of a stopped container. */
  readonly #files: BorrowedFiles;

  constructor(
    context: EngineContext,
    lifecycle: ContainerLifecycle,
    execIdsOf: (containerId: string) => readonly string[],
  ) {
    this.#context = context;
    this.#lifecycle = lifecycle;
    this.#files = new BorrowedFiles(context, lifecycle);
    this.#execIdsOf = execIdsOf;
    this.attachments = new Attachments(context.paths);
    lifecycle.listen({
      created: (entry) => this.attachments.created(entry),
      started: () => undefined,
      ended: (entry) => {
        this.attachments.ended(entry);
      },
    });
  }

  async create(config: ContainerConfig): Promise<{ id: string; warnings: readonly string[] }> {
    const { entry, warnings } = await createContainer(this.#context, config);
    this.#lifecycle.hold(entry);
    return { id: entry.record.id, warnings };
  }

  async start(ref: string, options: { readonly files?: readonly InjectedFile[] } = {}): Promise<boolean> {
    return this.#lifecycle.start(this.#resolve(ref), options.files);
  }

  async stop(
    ref: string,
    options?: { readonly signal?: string; readonly timeoutSeconds?: number },
  ): Promise<boolean> {
    return this.#lifecycle.stop(this.#resolve(ref), options);
  }

  async kill(ref: string, signal?: string): Promise<void> {
    await this.#lifecycle.kill(this.#resolve(ref), signal);
  }

  async restart(
    ref: string,
    options?: { readonly signal?: string; readonly timeoutSeconds?: number },
  ): Promise<void> {
    const entry = this.#resolve(ref);
    await this.#lifecycle.stop(entry, options);
    await this.#lifecycle.start(entry);
    publishContainerEvent(this.#context, entry, 'restart');
  }

  async pause(ref: string): Promise<void> {
    await this.#lifecycle.pause(this.#resolve(ref));
  }

  async unpause(ref: string): Promise<void> {
    await this.#lifecycle.unpause(this.#resolve(ref));
  }

  async rename(ref: string, name: string): Promise<void> {
    const entry = this.#resolve(ref);
    const oldName = entry.record.name;
    const parsed = parseContainerName(name);
    if (!parsed.ok) {
      throw new SwarmError('invalid_argument', `Error when allocating new name: ${parsed.error.message}`);
    }
    if (parsed.value === oldName) {
      throw new SwarmError('invalid_argument', 'Renaming a container with the same name as its current name');
    }
    await this.#lifecycle.exclusive(entry, () => this.#context.containers.rename(entry, parsed.value));
    publishContainerEvent(this.#context, entry, 'rename', { oldName: `/${oldName}` });
  }

  async update(ref: string, update: ContainerUpdate): Promise<{ warnings: readonly string[] }> {
    const entry = this.#resolve(ref);
    const { record } = entry;
    const accepted = acceptUpdate(record, update, observeHostLimits(this.#context.cgroups));
    const merged = accepted.resources;
    const built = buildResources({ resources: merged, isPrivileged: false, devices: [] });
    if (!built.ok) {
      throw built.error;
    }
    await this.#lifecycle.exclusive(entry, async () => {
      if (update.resources !== undefined && isAlive(entry.record.state.status)) {
        const { devices: _devices, ...limits } = built.value;
        const path = `${this.#context.paths.container(record.id).bundle}/update.json`;
        await updateContainer(runtimeOf(this.#context, record), record.id, {
          path,
          content: JSON.stringify(limits),
        });
      }
      const config: ContainerConfig = {
        ...entry.record.config,
        resources: merged,
        ...(update.restartPolicy === undefined ? {} : { restartPolicy: update.restartPolicy }),
      };
      await this.#context.containers.update(entry, { config });
    });
    publishContainerEvent(this.#context, entry, 'update');
    return { warnings: accepted.warnings };
  }

  async remove(
    ref: string,
    options?: { readonly force?: boolean; readonly removeVolumes?: boolean },
  ): Promise<void> {
    await this.#lifecycle.remove(this.#resolve(ref), options);
  }

  async wait(
    ref: string,
    condition: WaitCondition = 'not-running',
    signal?: AbortSignal,
  ): Promise<ExitStatus> {
    const entry = this.#resolve(ref);
    const { status } = entry.record.state;
    if (condition === 'not-running' && !isAlive(status) && status !== 'restarting') {
      return exitStatusOf(entry);
    }
    return this.#lifecycle.waiters.wait(
      entry.record.id,
      condition === 'removed' ? ['removed'] : ['exit', 'removed'],
      signal,
    );
  }

  resolve(ref: string): string {
    return this.#resolve(ref).record.id;
  }

  async inspect(ref: string, options: { readonly withSizes?: boolean } = {}): Promise<ContainerDetails> {
    const entry = this.#resolve(ref);
    const details = toDetails(entry, this.#context.paths, this.#execIdsOf(entry.record.id));
    return options.withSizes === true ? { ...details, ...(await this.#sizes(entry)) } : details;
  }

  async list(options: ContainerListOptions = {}): Promise<readonly ContainerSummary[]> {
    const entries = this.#context.containers
      .list()
      .filter(
        ({ record }) =>
          options.all === true || isAlive(record.state.status) || record.state.status === 'restarting',
      )
      .sort((a, b) => b.record.createdAtMs - a.record.createdAtMs || (a.record.id < b.record.id ? -1 : 1));
    if (options.withSizes !== true) {
      return entries.map(toSummary);
    }
    return Promise.all(
      entries.map(async (entry) => ({ ...toSummary(entry), ...(await this.#sizes(entry)) })),
    );
  }

  async *logs(ref: string, options: LogOptions = {}): AsyncGenerator<LogRecord> {
    const entry = this.#resolve(ref);
    if (entry.record.config.logging?.driver === 'none') {
      throw new SwarmError('unimplemented', 'configured logging driver does not support reading');
    }
    const { id } = entry.record;
    yield* readLogs(
      {
        path: this.#context.paths.container(id).log,
        isLive: () => isAlive(entry.record.state.status) || entry.record.state.status === 'restarting',
        onEnd: (callback) => {
          const abort = new AbortController();
          this.#lifecycle.waiters.wait(id, ['exit', 'removed'], abort.signal).then(callback, () => undefined);
          return () => {
            abort.abort();
          };
        },
      },
      options,
    );
  }

  async attach(ref: string, options: AttachOptions = {}): Promise<AttachedStreams> {
    const entry = this.#resolve(ref);
    const streams = this.attachments.attach(entry, options);
    publishContainerEvent(this.#context, entry, 'attach');
    return Promise.resolve(streams);
  }

  noteDetach(ref: string): void {
    const entry = this.#context.containers.find(ref);
    if (entry !== undefined) {
      publishContainerEvent(this.#context, entry, 'detach');
    }
  }

  async resize(ref: string, rows: number, columns: number): Promise<void> {
    const entry = this.#requireRunning(ref);
    const control = `${this.#context.paths.container(entry.record.id).bundle}/ctl`;
    await writeControl(control, `1 ${String(rows)} ${String(columns)}\n`);
    publishContainerEvent(this.#context, entry, 'resize', { height: String(rows), width: String(columns) });
  }

  async top(ref: string, psOptions = '-ef'): Promise<ProcessTable> {
    const entry = this.#requireRunning(ref);
    const pids = await cgroupPids(this.#context.cgroups, cgroupsPathOf(this.#context, entry.record));
    const table = await readProcessTable(pids, psOptions);
    publishContainerEvent(this.#context, entry, 'top');
    return table;
  }

  async stats(ref: string): Promise<ContainerStats> {
    const { record } = this.#requireRunning(ref);
    return readStats(this.#context.cgroups, cgroupsPathOf(this.#context, record), record.state.pid);
  }

  async diff(ref: string): Promise<readonly FilesystemChange[]> {
    const { record } = this.#resolve(ref);
    const targets = record.mounts.map((mount) => mount.destination);
    return listChanges(this.#context.paths.container(record.id).upper, record.lower, targets);
  }

  async statPath(ref: string, path: string): Promise<PathStat> {
    return this.#files.use({ entry: this.#resolve(ref), path }, (at) =>
      statArchivePath(this.#context.pool, at, path),
    );
  }

  async getArchive(ref: string, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    const answer = await this.#files.use(
      { entry: this.#resolve(ref), path },
      (at) => getArchive(this.#context.pool, at, path),
      (result) => result.tar,
    );
    publishContainerEvent(this.#context, this.#resolve(ref), 'archive-path', { path });
    return answer;
  }

  async putArchive(
    ref: string,
    path: string,
    tar: Readable,
    options: { readonly noOverwriteDirNonDir?: boolean; readonly copyUidGid?: boolean } = {},
  ): Promise<void> {
    const { noOverwriteDirNonDir = false } = options;
    await this.#files.use({ entry: this.#resolve(ref), path }, (at) =>
      putArchive(this.#context.pool, at, { path, tar, noOverwriteDirNonDir }),
    );
    publishContainerEvent(this.#context, this.#resolve(ref), 'extract-to-dir', { path });
  }

  async exportArchive(ref: string): Promise<Readable> {
    const entry = this.#resolve(ref);
    // The overlay as the engine sees it: /proc, /sys, /dev and volumes are mounted in the container only.
    const { id, idMap } = entry.record;
    const root = this.#context.paths.container(id).merged;
    const whole = { kind: 'pack', root, path: '', name: '', asLayer: false } as const;
    const tar = await this.#files.use(
      { entry },
      () => Promise.resolve(this.#context.pool.pack(idMap === undefined ? whole : { ...whole, idMap })),
      (stream) => stream,
    );
    publishContainerEvent(this.#context, entry, 'export');
    return tar;
  }

  async connectNetwork(ref: string, attachment: NetworkAttachment): Promise<void> {
    await this.#changeNetwork(
      ref,
      (provider, id) => provider.connect(id, attachment),
      (attachments) => [...attachments.filter((each) => each.network !== attachment.network), attachment],
    );
  }

  async disconnectNetwork(ref: string, network: string): Promise<void> {
    await this.#changeNetwork(
      ref,
      (provider, id) => provider.disconnect(id, network),
      (attachments) => attachments.filter((each) => each.network !== network),
    );
  }

  async prune(
    isPrunable: (summary: ContainerSummary) => boolean = () => true,
  ): Promise<{ ids: readonly string[]; reclaimedBytes: number }> {
    const ids: string[] = [];
    let reclaimedBytes = 0;
    for (const entry of this.#context.containers.list()) {
      const { status } = entry.record.state;
      if (isAlive(status) || status === 'restarting' || !isPrunable(toSummary(entry))) {
        continue;
      }
      reclaimedBytes += (await this.#sizes(entry)).writableBytes;
      await this.#lifecycle.remove(entry);
      ids.push(entry.record.id);
    }
    this.#context.events.publish({
      kind: 'container',
      action: 'prune',
      actorId: '',
      attributes: { reclaimed: String(reclaimedBytes) },
    });
    return { ids, reclaimedBytes };
  }

  #resolve(ref: string): ContainerEntry {
    return this.#context.containers.resolve(ref);
  }

  #requireRunning(ref: string): ContainerEntry {
    const entry = this.#resolve(ref);
    if (!isAlive(entry.record.state.status)) {
      throw new SwarmError('failed_precondition', `container ${entry.record.id} is not running`, {
        details: { dockerStatus: 409 },
      });
    }
    return entry;
  }

  async #sizes(entry: ContainerEntry): Promise<{ writableBytes: number; rootfsBytes: number }> {
    const writableBytes = await directoryBytes(this.#context.paths.container(entry.record.id).upper);
    const layerBytes = entry.record.chainIds.reduce(
      (sum, chainId) => sum + (this.#context.images.layers.get(chainId)?.sizeBytes ?? 0),
      0,
    );
    return { writableBytes, rootfsBytes: writableBytes + layerBytes };
  }

  #tellNetworkChange(
    id: string,
    before: readonly AttachedInterface[],
    after: readonly AttachedInterface[],
  ): void {
    const missing = (from: readonly AttachedInterface[], others: readonly AttachedInterface[]) =>
      from.filter(({ endpointId }) => !others.some((other) => other.endpointId === endpointId));
    const { events } = this.#context;
    publishNetworkEvents(events, { id }, { action: 'disconnect', interfaces: missing(before, after) });
    publishNetworkEvents(events, { id }, { action: 'connect', interfaces: missing(after, before) });
  }

  async #changeNetwork(
    ref: string,
    change: (provider: NetworkProvider, containerId: string) => Promise<PreparedNetwork>,
    adjust: (attachments: readonly NetworkAttachment[]) => readonly NetworkAttachment[],
  ): Promise<void> {
    const entry = this.#resolve(ref);
    const provider = this.#context.networks;
    if (provider === null) {
      throw new SwarmError('failed_precondition', 'this engine runs without networks');
    }
    await this.#lifecycle.exclusive(entry, async () => {
      const { config, id, network, state } = entry.record;
      const attachments = adjust(config.network?.attachments ?? []);
      const next = { ...config, network: { ...config.network, attachments } };
      if (!isAlive(state.status) || network === null) {
        await this.#context.containers.update(entry, { config: next });
        return;
      }
      const prepared = await change(provider, id);
      const request = { ...network.request, attachments };
      await this.#context.containers.update(entry, { config: next, network: { request, prepared } });
      const links = linkedHosts(this.#context.containers, entry.record);
      await writeNetworkFiles(this.#context.paths.container(id), entry.record, prepared, links);
      this.#tellNetworkChange(id, network.prepared.interfaces, prepared.interfaces);
    });
  }
}

/** The limits after an update, when they fit together and this host. @throws SwarmError that names the container. */
function acceptUpdate(record: ContainerRecord, update: ContainerUpdate, host: HostLimits): AcceptedLimits {
  const current = record.config.resources ?? {};
  const fitting = checkUpdate(current, update.resources ?? {});
  if (!fitting.ok) {
    const { code, message, details } = fitting.error;
    throw new SwarmError(code, `Cannot update container ${record.id}: ${message}`, { details });
  }
  const accepted = checkLimits({ ...current, ...update.resources }, host);
  if (!accepted.ok) {
    throw accepted.error;
  }
  return accepted.value;
}
