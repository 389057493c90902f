import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, statSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { posix } from 'node:path';
import { SwarmError, newHexId, type Result } from '@skep/kernel';
import { chainIds, parsePlatform, type StoredImage } from '@skep/oci';
import { chooseCapabilities } from './capabilities.ts';
import { chooseCgroupMode } from './cgroup-mode.ts';
import type { BindMountConfig, ContainerConfig, MountConfig, VolumeMountConfig } from './container-config.ts';
import { storeFiles } from './container-files.ts';
import { checkLinks } from './container-links.ts';
import { inventName, parseContainerName } from './container-names.ts';
import {
  INITIAL_STATE,
  type ContainerEntry,
  type ContainerRecord,
  type InjectedFileRecord,
  type ResolvedMount,
} from './container-record.ts';
import { mergeConfig } from './effective-config.ts';
import type { EngineContext } from './engine-context.ts';
import { observeHostLimits } from './host-limits.ts';
import { withInitLayer } from './init-layer.ts';
import { checkLimits, checkLogging } from './limit-checks.ts';
import { resolveDisks } from './host-devices.ts';
import { buildResources, buildRlimits } from './oci-resources.ts';
import { parseSecurityOptions } from './oci-spec.ts';
import { parsePublications } from './port-checks.ts';
import { checkUserMode } from './user-mode.ts';
import { hostRoot } from './user-namespaces.ts';

const NAME_ATTEMPTS_MAX = 20;

/** Makes a container out of a config: checks everything that can be checked, then writes it down. */
export async function createContainer(
  context: EngineContext,
  requested: ContainerConfig,
): Promise<{ readonly entry: ContainerEntry; readonly warnings: readonly string[] }> {
  const image = context.images.get(requested.image);
  checkPlatform(image, requested);
  const { config: given, warnings } = checkConfig(context, requested);
  const id = newHexId(randomBytes);
  const name = chooseName(context, given.name);
  const effective = unwrap(mergeConfig(given, image.config, id));
  const release = context.images.pin(chainIds(image.config.diffIds));
  const paths = context.paths.container(id);
  try {
    const layers = context.images
      .layersOf(image)
      .map((layer) => context.images.layers.directory(layer))
      .reverse();
    const lower = await withInitLayer(layers, context.paths.initLayer);
    const mounts = await resolveMounts(context, given, image);
    const idMap = given.namespaces?.user === 'host' ? undefined : context.userNamespaces.remapping;
    const files = storeFiles(paths, given.files ?? [], idMap);
    for (const directory of [paths.upper, paths.work, paths.merged]) {
      await mkdir(directory, { recursive: true, mode: 0o755 });
    }
    // The root of the container looks as its upper directory does.
    chownSync(paths.upper, hostRoot(idMap).uid, hostRoot(idMap).gid);
    const record = {
      ...makeRecord({ id, name, image, given, effective, lower, mounts, files, context }),
      ...(idMap === undefined ? {} : { idMap }),
    };
    const entry = await context.containers.add(record);
    publishContainerEvent(context, entry, 'create');
    return { entry, warnings };
  } catch (error: unknown) {
    await rm(paths.root, { recursive: true, force: true });
    await rm(paths.files, { recursive: true, force: true });
    throw error;
  } finally {
    release();
  }
}

interface RecordParts {
  readonly id: string;
  readonly name: string;
  readonly image: StoredImage;
  readonly given: ContainerConfig;
  readonly effective: ContainerRecord['effective'];
  readonly lower: readonly string[];
  readonly mounts: readonly ResolvedMount[];
  readonly files: readonly InjectedFileRecord[];
  readonly context: EngineContext;
}

function makeRecord(parts: RecordParts): ContainerRecord {
  const { files: _content, ...config } = parts.given;
  return {
    id: parts.id,
    name: parts.name,
    createdAtMs: Date.now(),
    imageId: parts.image.id,
    config: { ...config, name: parts.name },
    effective: parts.effective,
    lower: parts.lower,
    chainIds: chainIds(parts.image.config.diffIds),
    mounts: parts.mounts,
    files: parts.files,
    runtime: parts.given.runtime ?? parts.context.defaultRuntime,
    state: INITIAL_STATE,
    network: null,
  };
}

/** Tells the world about a container: labels, name and image are in each of its events. */
export function publishContainerEvent(
  context: Pick<EngineContext, 'events'>,
  entry: ContainerEntry,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void {
  const { record } = entry;
  context.events.publish({
    kind: 'container',
    action,
    actorId: record.id,
    attributes: { ...record.effective.labels, image: record.config.image, name: record.name, ...attributes },
  });
}

function unwrap<T>(result: Result<T>): T {
  if (!result.ok) {
    throw result.error;
  }
  return result.value;
}

function chooseName(context: EngineContext, given: string | undefined): string {
  if (given !== undefined && given !== '') {
    return unwrap(parseContainerName(given));
  }
  for (let attempt = 0; attempt < NAME_ATTEMPTS_MAX; attempt += 1) {
    const name = inventName(randomBytes);
    if (!context.containers.isNameTaken(name)) {
      return name;
    }
  }
  return newHexId(randomBytes).slice(0, 24);
}

/** Refuses at once what would fail at start only; answers the config without what this host's kernel cannot do. */
function checkConfig(
  context: EngineContext,
  config: ContainerConfig,
): { readonly config: ContainerConfig; readonly warnings: readonly string[] } {
  const { security = {}, resources = {}, network = {} } = config;
  unwrap(parseSecurityOptions(security));
  unwrap(
    chooseCapabilities({
      add: security.capAdd ?? [],
      drop: security.capDrop ?? [],
      isPrivileged: security.privileged ?? false,
      available: context.availableCapabilities,
    }),
  );
  unwrap(buildRlimits(resources.ulimits ?? []));
  const disks = resolveDisks(resources.blockIoLimits ?? []);
  unwrap(buildResources({ resources, isPrivileged: false, devices: [], disks }));
  unwrap(parsePublications(network.publications ?? []));
  const runtime = config.runtime ?? context.defaultRuntime;
  if (!context.runtimes.has(runtime)) {
    throw new SwarmError('invalid_argument', `unknown or invalid runtime name: ${runtime.slice(0, 60)}`);
  }
  checkLinks(context.containers, network.attachments ?? []);
  unwrap(checkLogging(config.logging));
  checkBehaviour(config);
  unwrap(checkUserMode(config, context.userNamespaces.remapping !== undefined));
  const cgroup = unwrap(chooseCgroupMode(config.namespaces?.cgroup, context.cgroups.version));
  const settled = { ...config, namespaces: { ...config.namespaces, cgroup } };
  if (config.resources === undefined) {
    return { config: settled, warnings: [] };
  }
  const accepted = unwrap(checkLimits(resources, observeHostLimits(context.cgroups)));
  return { config: { ...settled, resources: accepted.resources }, warnings: accepted.warnings };
}

/** An image of another platform than the wanted one is as good as none: clients then pull the right one. */
function checkPlatform(image: StoredImage, { platform, image: reference }: ContainerConfig): void {
  if (platform === undefined || platform === '') {
    return;
  }
  const wanted = unwrap(parsePlatform(platform));
  const { os, architecture } = image.config;
  if (wanted.os !== os || wanted.architecture !== architecture) {
    throw new SwarmError(
      'not_found',
      `image with reference ${reference} was found but does not provide the specified platform (${platform})`,
    );
  }
}

function checkBehaviour({ autoRemove, restartPolicy, network }: ContainerConfig): void {
  const onBridge = network?.attachments?.find((each) => each.network === 'bridge');
  if (onBridge?.ipv4Address !== undefined || onBridge?.ipv6Address !== undefined) {
    throw new SwarmError(
      'invalid_argument',
      'user specified IP address is supported on user defined networks only',
    );
  }
  if (autoRemove === true && (restartPolicy?.name ?? 'no') !== 'no') {
    throw new SwarmError('invalid_argument', "can't create 'AutoRemove' container with restart policy");
  }
}

async function resolveMounts(
  context: EngineContext,
  config: ContainerConfig,
  image: StoredImage,
): Promise<ResolvedMount[]> {
  const resolved: ResolvedMount[] = [];
  const targets = new Set<string>();
  for (const mount of config.mounts ?? []) {
    const destination = cleanTarget(mount);
    if (targets.has(destination)) {
      throw new SwarmError('invalid_argument', `Duplicate mount point: ${destination}`);
    }
    targets.add(destination);
    resolved.push(await resolveMount(context, mount, destination));
  }
  for (const target of [...(config.anonymousVolumes ?? []), ...image.config.volumes]) {
    const destination = posix.normalize(target).replace(/(.)\/$/, '$1');
    if (!targets.has(destination) && destination.startsWith('/') && destination !== '/') {
      targets.add(destination);
      resolved.push(await resolveVolume(context, { type: 'volume', target: destination }, destination));
    }
  }
  return resolved;
}

function cleanTarget(mount: MountConfig): string {
  const target = posix.normalize(mount.target).replace(/(.)\/$/, '$1');
  if (!target.startsWith('/')) {
    throw new SwarmError(
      'invalid_argument',
      `invalid mount path: '${mount.target.slice(0, 200)}' mount path must be absolute`,
    );
  }
  if (target === '/') {
    throw new SwarmError('invalid_argument', "invalid mount config: destination can't be '/'");
  }
  return target;
}

function resolveMount(
  context: EngineContext,
  mount: MountConfig,
  destination: string,
): Promise<ResolvedMount> {
  switch (mount.type) {
    case 'volume':
      return resolveVolume(context, mount, destination);
    case 'bind':
      return Promise.resolve(resolveBind(mount, destination));
    case 'tmpfs':
      return Promise.resolve({
        type: 'tmpfs',
        source: '',
        destination,
        isReadOnly: mount.readOnly ?? false,
        propagation: '',
        ...(mount.isUnlisted === true ? { isUnlisted: true } : {}),
      });
  }
}

async function resolveVolume(
  context: EngineContext,
  mount: VolumeMountConfig,
  destination: string,
): Promise<ResolvedMount> {
  const isAnonymous = mount.source === undefined || mount.source === '';
  const volume = await context.volumes.create({
    ...(isAnonymous ? {} : { name: mount.source }),
    ...(mount.driver === undefined || mount.driver === '' ? {} : { driver: mount.driver }),
    ...(mount.driverOptions === undefined ? {} : { options: mount.driverOptions }),
    ...(mount.labels === undefined ? {} : { labels: mount.labels }),
  });
  return {
    type: 'volume',
    name: volume.name,
    source: volume.mountpoint,
    destination,
    driver: 'local',
    isReadOnly: mount.readOnly ?? false,
    propagation: '',
    isAnonymous,
    noCopy: mount.noCopy ?? false,
    ...(mount.subpath === undefined ? {} : { subpath: mount.subpath }),
    modeText: mount.modeText ?? 'z',
  };
}

function resolveBind(mount: BindMountConfig, destination: string): ResolvedMount {
  if (!mount.source.startsWith('/')) {
    throw new SwarmError(
      'invalid_argument',
      `invalid mount path: '${mount.source.slice(0, 200)}' mount path must be absolute`,
    );
  }
  if (statSync(mount.source, { throwIfNoEntry: false }) === undefined) {
    if (mount.createSource !== true) {
      throw new SwarmError(
        'invalid_argument',
        `invalid mount config for type "bind": bind source path does not exist: ${mount.source}`,
      );
    }
    mkdirSync(mount.source, { recursive: true });
  }
  return {
    type: 'bind',
    source: mount.source,
    destination,
    isReadOnly: mount.readOnly ?? false,
    propagation: mount.propagation ?? 'rprivate',
    isRecursive: mount.nonRecursive !== true,
    ...(mount.modeText === undefined ? {} : { modeText: mount.modeText }),
  };
}
