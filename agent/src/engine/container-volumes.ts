import { chownSync, readdirSync, statSync } from 'node:fs';
import type { ContainerRecord, ResolvedMount } from './container-record.ts';
import type { EngineContext } from './engine-context.ts';
import { existsInRoot } from './runtime/system-calls.ts';
import { hostRoot } from './user-namespaces.ts';

/**
 * Makes a volume of a container ready and answers its directory: mounted if it has to be, and filled from the image at
 * its first use. Whoever `holder` is gives it back with `release`.
 */
export async function acquireVolume(
  context: EngineContext,
  record: ContainerRecord,
  use: { readonly mount: ResolvedMount; readonly rootfs: string; readonly holder: string },
): Promise<string> {
  const { mount, rootfs, holder } = use;
  const name = mount.name ?? '';
  const { options } = await context.volumes.inspect(name);
  return context.volumes.acquire(name, holder, async (directory) => {
    if (options['device'] === undefined) {
      takeFreshVolume(directory, record);
    }
    if (mount.noCopy !== true && mount.subpath === undefined) {
      await populateVolume(context, { rootfs, target: mount.destination, directory });
    }
  });
}

/** A directory of our own in which nothing is yet belongs to the root of the first container that has it. */
function takeFreshVolume(directory: string, { idMap }: ContainerRecord): void {
  const { uid, gid } = statSync(directory);
  if (idMap !== undefined && uid === 0 && gid === 0 && readdirSync(directory).length === 0) {
    chownSync(directory, hostRoot(idMap).uid, hostRoot(idMap).gid);
  }
}

/** An empty volume gets what the image has at its mount point: content, owner and mode. */
async function populateVolume(
  context: EngineContext,
  copy: { readonly rootfs: string; readonly target: string; readonly directory: string },
): Promise<void> {
  const { rootfs, target, directory } = copy;
  if (readdirSync(directory).length > 0 || !existsInRoot(rootfs, target)) {
    return;
  }
  const [stat] = await context.pool.stat({ kind: 'stat', root: rootfs, paths: [target] });
  if (stat === null || stat === undefined || stat.resolvedPath === '') {
    return;
  }
  const [resolved] = await context.pool.stat({ kind: 'stat', root: rootfs, paths: [stat.resolvedPath] });
  if (resolved === null || resolved === undefined || (resolved.mode & 0o170000) !== 0o040000) {
    return;
  }
  const tar = context.pool.pack({
    kind: 'pack',
    root: rootfs,
    path: stat.resolvedPath,
    name: '',
    asLayer: false,
  });
  await context.pool.unpack(
    { kind: 'unpack', root: directory, directory: '', asLayer: false },
    { input: tar },
  );
  const { mode, uid, gid } = resolved;
  await context.pool.adjust({ kind: 'adjust', root: directory, directories: [{ path: '', mode, uid, gid }] });
}
