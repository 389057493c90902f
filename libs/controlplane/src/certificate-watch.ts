import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { Logger } from 'pino';

import { errorMessage } from '@skep/kernel';

import { readNodeIdentity, type NodeIdentity } from './ca/identity-files.ts';

const POLL_MS = 5_000;

/**
 * Follows the certificate in `<data root>/node`, which swarmd renews, and calls `onRenewed` for each new one. Returns
 * the function that ends it.
 */
export function watchCertificate(options: {
  readonly nodeDir: string;
  readonly log: Logger;
  readonly onRenewed: (identity: NodeIdentity) => Promise<void>;
}): () => void {
  let lastModifiedMs = 0;
  const path = join(options.nodeDir, 'node.crt');
  const look = async (): Promise<void> => {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || found.mtimeMs === lastModifiedMs) {
      return;
    }
    lastModifiedMs = found.mtimeMs;
    const identity = await readNodeIdentity(options.nodeDir);
    if (identity !== undefined) {
      await options.onRenewed(identity);
    }
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      options.log.warn({ err: errorMessage(error) }, 'certificate could not be read');
    });
  }, POLL_MS);
  return () => {
    clearInterval(timer);
  };
}
