import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { chown, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SwarmError } from '@skep/kernel';
import { toHostOwner, type IdMap } from '@skep/oci';
import type { InjectedFile } from './container-config.ts';
import type { ContainerRecord, InjectedFileRecord } from './container-record.ts';
import type { ContainerPaths } from './engine-paths.ts';
import type { HostsEntry, PreparedNetwork } from './network-provider.ts';
import type { OciMount } from './oci-types.ts';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, mount, unmount } from './runtime/system-calls.ts';
import { hostRoot } from './user-namespaces.ts';

const SECRETS_DIRECTORY = '/run/secrets';
const FILES_MAX = 1000;
const ALL_IDS = [{ containerId: 0, hostId: 0, size: 2 ** 32 - 1 }];
const IDENTITY: IdMap = { uids: ALL_IDS, gids: ALL_IDS };

const LOCALHOST_LINES = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'ff00::0\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** `/etc/hosts` of a container: localhost, `--add-host`, then the network's names. */
export function renderHosts(
  entries: readonly HostsEntry[],
  extraHosts: readonly string[],
  hostGateway: string | undefined,
): string {
  const extra = extraHosts.flatMap((text) => {
    const split = text.search(/[:=]/);
    const name = split === -1 ? '' : text.slice(0, split);
    const address = split === -1 ? '' : text.slice(split + 1).replace(/^\[(.*)\]$/, '$1');
    const resolved = address === 'host-gateway' ? hostGateway : address;
    return name === '' || resolved === undefined || resolved === '' ? [] : [`${resolved}\t${name}`];
  });
  const own = entries.map((entry) => `${entry.address}\t${entry.names.join(' ')}`);
  return `${[...LOCALHOST_LINES, ...extra, ...own].join('\n')}\n`;
}

/** Writes `hosts`, `hostname` and `resolv.conf`; they are edited in place later, because they are bind mounts. */
export async function writeNetworkFiles(
  paths: ContainerPaths,
  record: ContainerRecord,
  network: PreparedNetwork | null,
  links: readonly HostsEntry[],
): Promise<void> {
  const { config, effective } = record;
  const isHostNetwork = config.network?.mode === 'host';
  const gateway = network?.interfaces.find((each) => each.gateway !== undefined)?.gateway;
  const extraHosts = config.network?.extraHosts ?? [];
  const hosts =
    isHostNetwork && extraHosts.length === 0
      ? await readOptional('/etc/hosts')
      : renderHosts(
          [...links, ...withDomain(network?.hostsEntries ?? [], record)],
          extraHosts,
          isHostNetwork ? '127.0.0.1' : gateway,
        );
  const resolvConf =
    network?.resolvConf ??
    (isHostNetwork || config.network?.mode === 'none' ? await readOptional('/etc/resolv.conf') : '');
  await Promise.all([
    writeFile(paths.hosts, hosts, { mode: 0o644 }),
    writeFile(paths.hostname, `${effective.hostname}\n`, { mode: 0o644 }),
    writeFile(paths.resolvConf, resolvConf, { mode: 0o644 }),
  ]);
  await giveNetworkFiles(paths, record.idMap);
}

/** Its root may edit them, as in any container. */
async function giveNetworkFiles(paths: ContainerPaths, idMap: IdMap | undefined): Promise<void> {
  if (idMap !== undefined) {
    const { uid, gid } = hostRoot(idMap);
    const files = [paths.hosts, paths.hostname, paths.resolvConf];
    await Promise.all(files.map((path) => chown(path, uid, gid)));
  }
}

/** The container's full name comes before its host name, so that `hostname -f` finds it. */
function withDomain(
  entries: readonly HostsEntry[],
  { config: { domainname = '' }, effective: { hostname } }: ContainerRecord,
): readonly HostsEntry[] {
  return domainname === ''
    ? entries
    : entries.map((entry) =>
        entry.names.includes(hostname)
          ? { ...entry, names: [`${hostname}.${domainname}`, ...entry.names] }
          : entry,
      );
}

async function readOptional(path: string): Promise<string> {
  return existsSync(path) ? readFile(path, 'utf8') : '';
}

/** The bind mounts of the three files, unless the user mounts something there. */
export function networkFileMounts(paths: ContainerPaths): OciMount[] {
  const options = ['rbind', 'rprivate'];
  return [
    { destination: '/etc/resolv.conf', type: 'bind', source: paths.resolvConf, options },
    { destination: '/etc/hostname', type: 'bind', source: paths.hostname, options },
    { destination: '/etc/hosts', type: 'bind', source: paths.hosts, options },
  ];
}

/** Makes the ramfs that holds secrets; unlike tmpfs it is never swapped to a disk. Mounted already is fine. */
export function mountSecretsRoot(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (statSync(directory).dev === statSync(dirname(directory)).dev) {
    mount({
      source: 'skep',
      target: directory,
      type: 'ramfs',
      flags: MS_NOSUID | MS_NODEV | MS_NOEXEC,
      data: 'mode=0700',
    });
  }
}

/** Removes the ramfs when no container has files in it. */
export function unmountSecretsRoot(directory: string): void {
  unmount(directory);
}

/** Puts secrets and configs into the container's directory in the ramfs, replacing what was there. */
export function storeFiles(
  paths: ContainerPaths,
  files: readonly InjectedFile[],
  idMap: IdMap | undefined,
): InjectedFileRecord[] {
  if (files.length > FILES_MAX) {
    throw new SwarmError(
      'invalid_argument',
      `a container takes at most ${String(FILES_MAX)} secrets and configs`,
    );
  }
  rmSync(paths.files, { recursive: true, force: true });
  if (files.length === 0) {
    return [];
  }
  mkdirSync(join(paths.files, 'secrets'), { recursive: true, mode: 0o755 });
  return files.map((file, index) => {
    const target = absoluteTarget(file);
    const isUnderSecrets = target.startsWith(`${SECRETS_DIRECTORY}/`);
    const storedAs = isUnderSecrets
      ? `secrets/${target.slice(SECRETS_DIRECTORY.length + 1)}`
      : `file-${String(index)}`;
    const path = join(paths.files, storedAs);
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(path, file.content, { mode: 0o600, flag: 'wx' });
    const owner = toHostOwner(idMap ?? IDENTITY, { uid: file.uid ?? 0, gid: file.gid ?? 0 });
    if (!owner.ok) {
      throw owner.error;
    }
    chownSync(path, owner.value.uid, owner.value.gid);
    chmodSync(path, file.mode ?? 0o444);
    return { kind: file.kind, target, storedAs };
  });
}

function absoluteTarget(file: InjectedFile): string {
  const parts = file.target.split('/');
  if (file.target === '' || file.target.endsWith('/') || parts.includes('..') || file.target.includes('\0')) {
    throw new SwarmError(
      'invalid_argument',
      `${file.kind} target ${JSON.stringify(file.target)} is not a file path`,
    );
  }
  if (file.target.startsWith('/')) {
    return `/${parts.filter((part) => part !== '' && part !== '.').join('/')}`;
  }
  return file.kind === 'secret' ? `${SECRETS_DIRECTORY}/${file.target}` : `/${file.target}`;
}

/** The mounts that make stored files visible: one for the whole of `/run/secrets`, one for each other file. */
export function injectedFileMounts(paths: ContainerPaths, files: readonly InjectedFileRecord[]): OciMount[] {
  const options = ['rbind', 'ro', 'nosuid', 'nodev', 'noexec', 'rprivate'];
  const hasSecrets = files.some((file) => file.storedAs.startsWith('secrets/'));
  const others = files.filter((file) => !file.storedAs.startsWith('secrets/'));
  if (
    !others.every((file) => existsSync(join(paths.files, file.storedAs))) ||
    (hasSecrets && !existsSync(paths.files))
  ) {
    throw new SwarmError(
      'failed_precondition',
      'the secrets and configs of this container are gone with the last boot; it must be created anew',
    );
  }
  return [
    ...(hasSecrets
      ? [{ destination: SECRETS_DIRECTORY, type: 'bind', source: join(paths.files, 'secrets'), options }]
      : []),
    ...others.map((file) => ({
      destination: file.target,
      type: 'bind',
      source: join(paths.files, file.storedAs),
      options,
    })),
  ];
}
