import type { ErrorRecord } from '@skep/kernel';
import type { IdMap } from '../core/id-map.ts';

/** Work that must not see anything outside `root`, done by a thread that is confined to it. */
export type ArchiveJob = UnpackJob | PackJob | StatJob | ResolveOwnerJob | AdjustJob;

/** Unpacks an archive (plain, gzip or zstd) into `directory` below `root`. */
export interface UnpackJob {
  readonly kind: 'unpack';
  readonly root: string;
  /** Relative to `root`; must be an existing directory. */
  readonly directory: string;
  /** Absolute path of the archive outside of `root`; absent: the bytes come as the job's input. */
  readonly archivePath?: string;
  readonly asLayer: boolean;
  readonly noOverwriteDirNonDir?: boolean;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** The archive's owners are those of a container with this map. */
  readonly idMap?: IdMap;
  readonly bytesMax?: number;
  readonly entriesMax?: number;
}

export interface UnpackResult {
  /** sha256 of the archive's uncompressed bytes. */
  readonly diffId: string;
  readonly sizeBytes: number;
  readonly entryCount: number;
  readonly impliedDirectories: readonly string[];
}

/** Packs `path` below `root`; the bytes are the job's output. */
export interface PackJob {
  readonly kind: 'pack';
  readonly root: string;
  readonly path: string;
  readonly name: string;
  readonly asLayer: boolean;
  /** Absolute paths below the root that are left out when they are empty files or directories. */
  readonly skipEmpty?: readonly string[];
  /** Owners go into the archive as the container with this map sees them. */
  readonly idMap?: IdMap;
}

/** Looks at paths below `root` without following a symbolic link at the end. */
export interface StatJob {
  readonly kind: 'stat';
  readonly root: string;
  readonly paths: readonly string[];
}

export interface ConfinedStat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** Text of a symbolic link, else empty. */
  readonly linkTarget: string;
  /** The path with all symbolic links followed, relative to the root, with a leading slash; empty when it dangles. */
  readonly resolvedPath: string;
}

/** Reads files such as `/etc/passwd` below `root`; null where there is none. */
export interface ResolveOwnerJob {
  readonly kind: 'read';
  readonly root: string;
  readonly paths: readonly string[];
  readonly bytesMax: number;
}

/** Makes directories and sets owner, mode and time of existing ones below `root`. */
export interface AdjustJob {
  readonly kind: 'adjust';
  readonly root: string;
  readonly directories: readonly {
    readonly path: string;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
    readonly modifiedAtMs?: number;
  }[];
}

/** From the pool to the worker. */
export type ToWorker =
  | { readonly kind: 'job'; readonly job: ArchiveJob }
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'credit' }
  | { readonly kind: 'abort' };

/** From the worker to the pool. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly archiveBytes: number }
  | { readonly kind: 'credit' }
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly error: ErrorRecord };

/** Chunks in flight in each direction. */
export const CHUNK_WINDOW = 8;
