import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

/** Runs Debian's skopeo, a client of registries that shares no line with ours. Answers what it printed. */
export function skopeo(...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      'skopeo',
      // The host's own policy of signatures may be missing.
      ['--insecure-policy', ...args],
      { encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX, timeout: TIMEOUT_MS },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve(stdout);
        } else {
          reject(new Error(`skopeo ${args.join(' ')}: ${stderr.trim()}`, { cause: error }));
        }
      },
    );
  });
}

/** What `skopeo copy ... dir:DIRECTORY` left there. */
export async function readCopy(directory: string): Promise<{
  readonly manifest: { config: { digest: string }; layers: { digest: string; mediaType: string }[] };
  readonly manifestBytes: Buffer;
  /** A blob by its digest; skopeo checks it as it copies. */
  blob(digest: string): Promise<Buffer>;
}> {
  const manifestBytes = await readFile(join(directory, 'manifest.json'));
  return {
    manifestBytes,
    manifest: JSON.parse(manifestBytes.toString()),
    blob: (digest) => readFile(join(directory, digest.replace('sha256:', ''))),
  };
}
