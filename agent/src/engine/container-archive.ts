import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { SwarmError } from '@skep/kernel';
import type { ArchivePool, ConfinedStat, IdMap } from '@skep/oci';
import type { PathStat } from './container-api.ts';

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** The root of a container's files and what is mounted into it. */
export interface ArchiveRoot {
  readonly containerName: string;
  /** Where the container's own view of its files is: its mounted root, or /proc/<pid>/root while it runs. */
  readonly root: string;
  /** The map between the owners that the container sees and those of the host. */
  readonly idMap?: IdMap;
  /** Where in the container the root is, when it is a volume and not the whole. */
  readonly mountedAt?: string;
  readonly isReadOnly?: boolean;
}

/** Looks at a path; a symbolic link at the end is shown as itself. */
export async function statArchivePath(pool: ArchivePool, at: ArchiveRoot, path: string): Promise<PathStat> {
  return toPathStat(at, path, await find(pool, at, path));
}

/** A tar of a path. The archive's first part is the path's last name, as `docker cp` expects. */
export async function getArchive(
  pool: ArchivePool,
  at: ArchiveRoot,
  path: string,
): Promise<{ stat: PathStat; tar: Readable }> {
  const stat = await find(pool, at, path);
  const clean = posix.normalize(`/${path}`);
  const isContentOnly = path.endsWith('/.') || clean === '/';
  const base = posix.basename(clean);
  if (clean.replace(/(.)\/$/, '$1') === at.mountedAt) {
    const whole = { kind: 'pack', root: at.root, path: '/', asLayer: false, ...mapOf(at) } as const;
    const tar = pool.pack({ ...whole, name: isContentOnly ? '.' : base });
    return { stat: toPathStat(at, path, stat), tar };
  }
  const parent = placeIn(at, isContentOnly ? clean : posix.dirname(clean));
  const [directory] = await pool.stat({ kind: 'stat', root: at.root, paths: [parent] });
  const real = isContentOnly
    ? (directory?.resolvedPath ?? placeIn(at, clean))
    : posix.join(directory?.resolvedPath ?? parent, base);
  const name = isContentOnly ? (clean === '/' ? '' : '.') : base;
  const tar = pool.pack({ kind: 'pack', root: at.root, path: real, name, asLayer: false, ...mapOf(at) });
  return { stat: toPathStat(at, path, stat), tar };
}

/** Unpacks a tar into a directory of the container. */
export async function putArchive(
  pool: ArchivePool,
  at: ArchiveRoot,
  request: {
    readonly path: string;
    readonly tar: Readable;
    readonly noOverwriteDirNonDir: boolean;
    readonly owner?: { readonly uid: number; readonly gid: number };
  },
): Promise<void> {
  if (at.isReadOnly === true) {
    throw new SwarmError('permission_denied', 'mounted volume is marked read-only');
  }
  const stat = await find(pool, at, request.path);
  const directory = stat.resolvedPath;
  const [target] =
    directory === '' ? [null] : await pool.stat({ kind: 'stat', root: at.root, paths: [directory] });
  if (target === null || target === undefined || (target.mode & S_IFMT) !== S_IFDIR) {
    throw new SwarmError('invalid_argument', 'extraction point is not a directory');
  }
  await pool.unpack(
    {
      kind: 'unpack',
      root: at.root,
      directory,
      asLayer: false,
      noOverwriteDirNonDir: request.noOverwriteDirNonDir,
      ...mapOf(at),
      ...(request.owner === undefined ? {} : { owner: request.owner }),
    },
    { input: request.tar },
  );
}

function mapOf({ idMap }: ArchiveRoot): { readonly idMap?: IdMap } {
  return idMap === undefined ? {} : { idMap };
}

async function find(pool: ArchivePool, at: ArchiveRoot, path: string): Promise<ConfinedStat> {
  const clean = placeIn(at, posix.normalize(`/${path}`));
  const [stat] = await pool.stat({ kind: 'stat', root: at.root, paths: [clean] });
  if (stat === null || stat === undefined) {
    throw new SwarmError('not_found', `Could not find the file ${path} in container ${at.containerName}`);
  }
  return stat;
}

/** A path of the container as it is called below the root. */
function placeIn({ mountedAt }: ArchiveRoot, clean: string): string {
  return mountedAt === undefined ? clean : `/${clean.slice(mountedAt.length).replace(/^\//, '')}`;
}

function toPathStat({ mountedAt = '' }: ArchiveRoot, path: string, stat: ConfinedStat): PathStat {
  const base = posix.basename(posix.normalize(`/${path}`));
  return {
    name: base === '' ? '/' : base,
    sizeBytes: stat.sizeBytes,
    mode: stat.mode,
    modifiedAtMs: Math.round(stat.modifiedAtMs),
    // Clients follow links themselves and want an absolute target.
    linkTarget: stat.linkTarget === '' ? '' : `${mountedAt}${stat.resolvedPath}`,
  };
}
