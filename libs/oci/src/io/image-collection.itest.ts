import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { Prng } from '@skep/kernel';

import { buildArchive, buildImage } from './image-builder.ts';
import { ImageStore } from './image-store.ts';
import { loadImages } from './load-images.ts';

const ROUNDS = 10;

let root: string;
let store: ImageStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'skep-collect-'));
  store = await ImageStore.open(join(root, 'store'));
});

afterEach(async () => {
  await store.close();
  await rm(root, { recursive: true, force: true });
});

/** Two images share layers by the first letters of their names. */
async function load(name: string): Promise<string> {
  const layers = Array.from({ length: name.length }, (_, index) => {
    const prefix = name.slice(0, index + 1);
    return [{ path: `file-${prefix}`, type: 'file', content: prefix.repeat(100) } as const];
  });
  const archive = buildArchive(buildImage({ layers }), [`${name}:1`]);
  const [loaded] = await loadImages({
    store,
    archive: Readable.from([archive]),
    scratchRoot: root,
    platform: { os: 'linux', architecture: 'amd64' },
  });
  return loaded?.image.id ?? '';
}

test('what is loaded while other images are removed is whole', async () => {
  const seed = Number(process.env['SKEP_SEED'] ?? Date.now() % 1_000_000);
  const random = new Prng(seed);
  const names = ['aaa', 'aab', 'abb', 'baa', 'bab'];
  for (let round = 0; round < ROUNDS; round += 1) {
    const work = names.map(async (name) => {
      const image = store.find(`${name}:1`);
      if (image !== undefined && random.chance(0.5)) {
        await store.remove(image.id);
      } else {
        await load(name);
      }
    });
    await Promise.all(work);
    for (const image of store.list()) {
      const where = `seed ${String(seed)}, round ${String(round)}, ${image.id}`;
      const layers = store.layersOf(image);
      expect(
        layers.every((layer) => existsSync(store.layers.directory(layer))),
        where,
      ).toBe(true);
      for (const { digest } of [...image.manifest.layers, image.manifest.config]) {
        expect(await store.content.verify(digest), `${where}: ${digest}`).toBe(true);
      }
    }
  }
  for (const image of store.list()) {
    await store.remove(image.id);
  }
  expect([store.layers.list(), await store.content.list()]).toEqual([[], []]);
});
