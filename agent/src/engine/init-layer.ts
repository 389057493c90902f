import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { existsBelow } from './container-diff.ts';

/** By this file programs know that they run in a container of Docker's kind. */
const MARK = '.dockerenv';

/**
 * Makes the directory that lies above the image's layers of each container, as Docker's init layer does: what it holds is
 * in the container without being a change of it, so that `diff` and `commit` do not tell of it. Idempotent.
 */
export function ensureInitLayer(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  closeSync(openSync(join(directory, MARK), 'a', 0o755));
}

/** The lower directories of a new container, uppermost first. An image's own mark stays as it is. */
export async function withInitLayer(
  layers: readonly string[],
  directory: string,
): Promise<readonly string[]> {
  return (await existsBelow(layers, `/${MARK}`)) ? layers : [directory, ...layers];
}
