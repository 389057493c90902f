import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes a folder's list of names durable: a file that was made, renamed or removed in it stays so after a crash. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a folder (and its parents) that only this user may enter, durably. */
export function ensureFolder(path: string): void {
  if (mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined) {
    syncFolder(dirname(path));
  }
}

/**
 * Writes a file so that after a crash there is either the old one or the new one, whole: written beside, fsynced,
 * renamed, and the folder fsynced.
 */
export function writeFileDurably(path: string, chunks: Iterable<Uint8Array>): void {
  const beside = `${path}.tmp`;
  const fd = openSync(beside, 'w', 0o600);
  try {
    for (const chunk of chunks) {
      writeFully(fd, chunk);
    }
    fsyncSync(fd);
  } catch (error) {
    closeSync(fd);
    rmSync(beside, { force: true });
    throw error;
  }
  closeSync(fd);
  renameSync(beside, path);
  syncFolder(dirname(path));
}

function writeFully(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) {
    done += writeSync(fd, bytes, done, bytes.length - done);
  }
}

/**
 * {@link writeFileDurably} for large files: other work goes on between the chunks. `isWanted` is asked right before the
 * file takes its name: the one it would replace may have been removed meanwhile.
 */
export async function streamFileDurably(
  path: string,
  chunks: Iterable<Uint8Array>,
  isWanted: () => boolean = () => true,
): Promise<void> {
  const beside = `${path}.tmp`;
  const file = await open(beside, 'w', 0o600);
  try {
    for (const chunk of chunks) {
      await file.writeFile(chunk);
    }
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(beside, { force: true });
    throw error;
  }
  await file.close();
  if (!isWanted()) {
    await rm(beside, { force: true });
    return;
  }
  renameSync(beside, path);
  syncFolder(dirname(path));
}
