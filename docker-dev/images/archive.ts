import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildArchive } from '@skep/oci';

import { busyboxImage } from './busybox-image.ts';
import { webImage } from './web-image.ts';

const CACHE = fileURLToPath(new URL('../../.cache/images', import.meta.url));
const SOURCES = ['busybox-image.ts', 'web-image.ts'].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
);

export const SAMPLE_REFERENCE = 'skep/sample:latest';
export const WEB_REFERENCE = 'skep/web:latest';

/**
 * Paths of archives (as `docker load` reads them) of the sample images. Packing Node takes seconds, so archives are
 * kept until the recipe or the Node they hold changes.
 */
export function sampleArchives(): string[] {
  return [
    cached('sample', () => buildArchive(busyboxImage(), [SAMPLE_REFERENCE])),
    cached('web', () => buildArchive(webImage(), [WEB_REFERENCE])),
  ];
}

function cached(name: string, build: () => Uint8Array): string {
  const key = createHash('sha256');
  for (const source of SOURCES) {
    key.update(readFileSync(source));
  }
  const node = statSync(process.execPath);
  key.update(`${process.version} ${String(node.size)} ${String(node.mtimeMs)}`);
  const path = join(CACHE, `${name}-${key.digest('hex').slice(0, 16)}.tar`);
  if (!existsSync(path)) {
    mkdirSync(CACHE, { recursive: true });
    writeFileSync(`${path}.new`, build());
    renameSync(`${path}.new`, path);
  }
  return path;
}
