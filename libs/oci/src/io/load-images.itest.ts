import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MEDIA_TYPES } from '../core/media-types.ts';
import { buildImage, buildTar } from './image-builder.ts';
import { ImageStore } from './image-store.ts';
import { loadImages, type LoadedImage } from './load-images.ts';

/* Goal: an archive that leads in circles, or deep down, is refused and not followed for ever. */

const platform = { os: 'linux', architecture: 'amd64' };
const image = buildImage({ layers: [[{ path: 'file', type: 'file', content: 'x' }]] });
/** The n-th of some blobs that are not what their names say. */
const madeUp = (n: number): string => `sha256:${String(n).repeat(64)}`;

let root: string;
let store: ImageStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'skep-load-'));
  store = await ImageStore.open(join(root, 'store'));
});

afterEach(async () => {
  await store.close();
  await rm(root, { recursive: true, force: true });
});

function indexOf(digest: string, mediaType: string = MEDIA_TYPES.ociIndex): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociIndex,
    manifests: [{ mediaType, digest, size: 1 }],
  });
}

/** Loads a layout whose index points at the first blob. */
function load(blobs: Readonly<Record<string, string | Buffer>>): Promise<readonly LoadedImage[]> {
  const files = Object.entries(blobs).map(([digest, content]) => ({
    path: `blobs/${digest.replace(':', '/')}`,
    type: 'file' as const,
    content,
  }));
  const index = { path: 'index.json', type: 'file' as const, content: indexOf(Object.keys(blobs)[0] ?? '') };
  const archive = Readable.from([buildTar([index, ...files])]);
  return loadImages({ store, archive, scratchRoot: root, platform });
}

test.each([
  ['itself', { [madeUp(1)]: indexOf(madeUp(1)) }],
  ['the one that names it', { [madeUp(1)]: indexOf(madeUp(2)), [madeUp(2)]: indexOf(madeUp(1)) }],
])('an index that names %s is refused', async (_which, blobs) => {
  await expect(load(blobs)).rejects.toMatchObject({ code: 'invalid_argument' });
});

test('an index below an index is followed to the image', async () => {
  const blobs = {
    [madeUp(1)]: indexOf(madeUp(2)),
    [madeUp(2)]: indexOf(image.manifestDigest, MEDIA_TYPES.ociManifest),
    ...Object.fromEntries(image.blobs),
  };
  const [loaded] = await load(blobs);
  expect(loaded?.image.id).toBe(image.imageId);
});
