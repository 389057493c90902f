import type { DockerHostConfig, DockerMount } from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type { BindMountConfig, MountConfig, TmpfsMountConfig } from '../../engine/container-config.ts';

type Propagation = NonNullable<BindMountConfig['propagation']>;

const PROPAGATIONS: readonly string[] = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];
/** Options of `-v` of which only one may be given. */
const ALTERNATIVES: readonly (readonly string[])[] = [
  ['ro', 'rw'],
  ['z', 'Z'],
  PROPAGATIONS,
  ['consistent', 'cached', 'delegated'],
  ['nocopy'],
];
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** All mounts of a create request: `Binds`, `Mounts` and `Tmpfs`. @throws SwarmError that names the bad one. */
export function mountsOf(host: DockerHostConfig): MountConfig[] {
  const mounts = [
    ...(host.Binds ?? []).map((text) => parseBind(text, host.VolumeDriver)),
    ...(host.Mounts ?? []).map(mountOf),
    ...Object.entries(host.Tmpfs ?? {}).map(([target, options]) => parseTmpfs(target, options)),
  ];
  const targets = new Set<string>();
  for (const { target } of mounts) {
    if (targets.has(target)) {
      throw new SwarmError('invalid_argument', `Duplicate mount point: ${target}`);
    }
    targets.add(target);
  }
  return mounts;
}

/** `source:target[:options]`, as `docker run -v` sends it. */
export function parseBind(text: string, volumeDriver?: string): MountConfig {
  const [source = '', target = '', options = '', ...more] = text.split(':');
  if (source === '' || target === '' || more.length > 0) {
    throw new SwarmError('invalid_argument', `invalid volume specification: '${text}'`);
  }
  checkTarget(target, text);
  const parsed = parseBindOptions(options, text);
  if (source.startsWith('/')) {
    return {
      type: 'bind',
      source,
      target,
      createSource: true,
      ...(options === '' ? {} : { modeText: options }),
      ...(parsed.readOnly ? { readOnly: true } : {}),
      ...(parsed.propagation === undefined ? {} : { propagation: parsed.propagation }),
    };
  }
  if (!VOLUME_NAME.test(source)) {
    throw new SwarmError(
      'invalid_argument',
      `invalid volume specification: '${text}': "${source}" includes invalid characters for a local volume name, ` +
        'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    );
  }
  return {
    type: 'volume',
    source,
    target,
    ...(options === '' ? {} : { modeText: options }),
    ...(parsed.readOnly ? { readOnly: true } : {}),
    ...(parsed.noCopy ? { noCopy: true } : {}),
    ...(volumeDriver ? { driver: volumeDriver } : {}),
  };
}

interface BindOptions {
  readonly readOnly: boolean;
  readonly noCopy: boolean;
  readonly propagation?: Propagation;
}

function parseBindOptions(options: string, text: string): BindOptions {
  let parsed: BindOptions = { readOnly: false, noCopy: false };
  const given = options === '' ? [] : options.split(',');
  const invalid = new SwarmError(
    'invalid_argument',
    `invalid volume specification: '${text}': invalid mode: ${options}`,
  );
  if (ALTERNATIVES.some((group) => given.filter((option) => group.includes(option)).length > 1)) {
    throw invalid;
  }
  for (const option of given) {
    if (option === 'ro') {
      parsed = { ...parsed, readOnly: true };
    } else if (option === 'nocopy') {
      parsed = { ...parsed, noCopy: true };
    } else if (PROPAGATIONS.includes(option)) {
      parsed = { ...parsed, propagation: option as Propagation };
    } else if (!['rw', 'z', 'Z', 'consistent', 'cached', 'delegated'].includes(option)) {
      throw invalid;
    }
  }
  return parsed;
}

function checkTarget(target: string, text: string): void {
  if (!target.startsWith('/')) {
    throw new SwarmError(
      'invalid_argument',
      `invalid volume specification: '${text}': invalid mount path: '${target}' mount path must be absolute`,
    );
  }
  if (target.replaceAll(/\/+/g, '/') === '/') {
    throw new SwarmError(
      'invalid_argument',
      `invalid volume specification: '${text}': invalid specification: destination can't be '/'`,
    );
  }
}

/** One of `HostConfig.Mounts`. */
export function mountOf(mount: DockerMount): MountConfig {
  const target = mount.Target ?? '';
  const invalid = (reason: string): SwarmError =>
    new SwarmError('invalid_argument', `invalid mount config for type "${mount.Type ?? ''}": ${reason}`);
  if (target === '') {
    throw invalid('field Target must not be empty');
  }
  if (!target.startsWith('/')) {
    throw invalid(`invalid mount path: '${target}' mount path must be absolute`);
  }
  switch (mount.Type) {
    case 'bind':
      return bindOf(mount, target, invalid);
    case 'volume':
      return volumeOf(mount, target);
    case 'tmpfs':
      if (mount.Source) {
        throw invalid('field Source must not be specified');
      }
      return tmpfsOf(mount, target);
    case 'image':
    case 'npipe':
    case 'cluster':
      throw new SwarmError(
        'unimplemented',
        `mounts of type "${mount.Type}" are not supported; use bind, volume or tmpfs`,
      );
    default:
      throw new SwarmError(
        'invalid_argument',
        `invalid mount config for type "${mount.Type ?? ''}": mount type unknown`,
      );
  }
}

function bindOf(mount: DockerMount, target: string, invalid: (reason: string) => SwarmError): MountConfig {
  const options = mount.BindOptions ?? {};
  if (!mount.Source) {
    throw invalid('field Source must not be empty');
  }
  if (!mount.Source.startsWith('/')) {
    throw invalid(`invalid mount path: '${mount.Source}' mount path must be absolute`);
  }
  if (options.Propagation && !PROPAGATIONS.includes(options.Propagation)) {
    throw invalid(`invalid propagation mode: ${options.Propagation}`);
  }
  return {
    type: 'bind',
    source: mount.Source,
    target,
    ...(mount.ReadOnly === true ? { readOnly: true } : {}),
    ...(options.Propagation ? { propagation: options.Propagation as Propagation } : {}),
    ...(options.NonRecursive === true ? { nonRecursive: true } : {}),
    ...(options.CreateMountpoint === true ? { createSource: true } : {}),
  };
}

function volumeOf(mount: DockerMount, target: string): MountConfig {
  const options = mount.VolumeOptions ?? {};
  const driver = options.DriverConfig ?? {};
  return {
    type: 'volume',
    target,
    ...(mount.Source ? { source: mount.Source } : {}),
    ...(mount.ReadOnly === true ? { readOnly: true } : {}),
    ...(options.Subpath ? { subpath: options.Subpath } : {}),
    ...(options.NoCopy === true ? { noCopy: true } : {}),
    ...(options.Labels === undefined ? {} : { labels: options.Labels }),
    ...(driver.Name ? { driver: driver.Name } : {}),
    ...(driver.Options === undefined ? {} : { driverOptions: driver.Options }),
  };
}

function tmpfsOf(mount: DockerMount, target: string): TmpfsMountConfig {
  const options = mount.TmpfsOptions ?? {};
  const flags = (options.Options ?? []).map((pair) => pair.filter((part) => part !== '').join('='));
  return {
    type: 'tmpfs',
    target,
    ...(options.SizeBytes ? { sizeBytes: options.SizeBytes } : {}),
    ...(options.Mode ? { mode: options.Mode } : {}),
    ...(flags.length > 0 ? { options: flags } : {}),
    ...(mount.ReadOnly === true ? { readOnly: true } : {}),
  };
}

/** `--tmpfs /run:size=64m,mode=1777,exec`: the options stay as mount(8) takes them. */
function parseTmpfs(target: string, options: string): TmpfsMountConfig {
  if (!target.startsWith('/')) {
    throw new SwarmError('invalid_argument', `invalid tmpfs mount: '${target}' mount path must be absolute`);
  }
  const flags = options === '' ? [] : options.split(',');
  const others = flags.filter((flag) => flag !== 'ro' && flag !== 'rw');
  return {
    type: 'tmpfs',
    target,
    isUnlisted: true,
    ...(others.length > 0 ? { options: others } : {}),
    ...(flags.includes('ro') ? { readOnly: true } : {}),
  };
}
