import { statSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { ContainerRecord, ResolvedMount } from './container-record.ts';
import { acquireVolume } from './container-volumes.ts';
import type { EngineContext } from './engine-context.ts';

/** The volume or bound directory that a path of a container lies in; the innermost when they lie in each other. */
export function mountOfPath(mounts: readonly ResolvedMount[], path: string): ResolvedMount | undefined {
  const clean = posix.normalize(`/${path}`);
  const holding = mounts.filter(
    ({ type, destination }) =>
      type !== 'tmpfs' && (clean === destination || clean.startsWith(`${destination}/`)),
  );
  return holding.reduce<ResolvedMount | undefined>(
    (best, mount) =>
      best !== undefined && best.destination.length > mount.destination.length ? best : mount,
    undefined,
  );
}

/** A mount of a container that does not run, as a directory of this host. */
export interface OpenedMount {
  readonly root: string;
  readonly destination: string;
  readonly isReadOnly: boolean;
  readonly release: () => Promise<void>;
}

/**
 * Makes what is mounted at a path of a stopped container ready to be read and written; undefined when nothing is and
 * the path lies in the container's own root. A new volume is filled from the image first, as at a start.
 */
export async function openMountOfPath(
  context: EngineContext,
  record: ContainerRecord,
  place: { readonly path: string; readonly rootfs: string },
): Promise<OpenedMount | undefined> {
  const mount = mountOfPath(record.mounts, place.path);
  if (mount === undefined) {
    return undefined;
  }
  const { destination, isReadOnly } = mount;
  if (mount.type === 'bind') {
    return statSync(mount.source, { throwIfNoEntry: false })?.isDirectory() === true
      ? { root: mount.source, destination, isReadOnly, release: () => Promise.resolve() }
      : undefined;
  }
  const name = mount.name ?? '';
  const holder = `files of ${record.id}`;
  const release = (): Promise<void> => context.volumes.release(name, holder);
  try {
    const directory = await acquireVolume(context, record, { mount, rootfs: place.rootfs, holder });
    const root = mount.subpath === undefined ? directory : join(directory, mount.subpath);
    return { root, destination, isReadOnly, release };
  } catch (error: unknown) {
    await release();
    throw error;
  }
}
