import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { lstatSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseReference, type ImageReference } from '../core/reference.ts';
import { buildArchive, buildImage } from './image-builder.ts';
import { ImageStore } from './image-store.ts';
import { loadImages } from './load-images.ts';
import { getXattr } from './native.ts';
import { pullImage, type PullProgress } from './pull-image.ts';
import { pushImage } from './push-image.ts';
import { RegistryClient } from './registry-client.ts';
import { startRegistry, type RegistryProcess } from './registry-process.ts';
import { saveImages } from './save-images.ts';

const platform = { os: 'linux', architecture: 'amd64' };

let root: string;
let registry: RegistryProcess;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'skep-oci-'));
  registry = await startRegistry({ directory: join(root, 'registry') });
});

afterAll(async () => {
  await registry.stop();
  await rm(root, { recursive: true, force: true });
});

function reference(text: string): ImageReference {
  const parsed = parseReference(text);
  if (!parsed.ok) {
    throw parsed.error;
  }
  return parsed.value;
}

const image = buildImage({
  layers: [
    [
      { path: 'etc', type: 'directory', mode: 0o750, uid: 7, gid: 8 },
      { path: 'etc/motd', type: 'file', content: 'hello\n', mode: 0o640, uid: 7 },
      { path: 'etc/gone', type: 'file', content: 'x' },
      { path: 'etc/link', type: 'link', linkPath: 'etc/motd' },
      { path: 'dev/null', type: 'character-device', deviceMajor: 1, deviceMinor: 3, mode: 0o666 },
      { path: 'big', type: 'file', content: Buffer.alloc(3_000_000, 'skep') },
    ],
    [
      { path: 'etc/.wh.gone', type: 'file' },
      { path: 'etc/new', type: 'symlink', linkPath: '../../../../../etc/passwd' },
      { path: 'srv/.wh..wh..opq', type: 'file' },
    ],
  ],
  config: { cmd: ['/bin/sh'], labels: { made: 'here' } },
});

test('an image goes through load, push, pull and save with its digests unchanged', async () => {
  const first = await ImageStore.open(join(root, 'first'));
  const archive = buildArchive(image, [`${registry.domain}/team/app:1.0`]);
  const loaded = await loadImages({
    store: first,
    archive: Readable.from([archive]),
    scratchRoot: root,
    platform,
  });
  expect(loaded.map((entry) => entry.references)).toEqual([[`${registry.domain}/team/app:1.0`]]);
  expect(loaded[0]?.image.id).toBe(image.imageId);
  const stored = first.get(`${registry.domain}/team/app:1.0`);

  const target = reference(`${registry.domain}/team/app:1.0`);
  const pusher = new RegistryClient(target);
  const pushed = await pushImage({ image: stored, reference: target, client: pusher, store: first });
  await pusher.close();
  expect(pushed.digest).toBe(stored.manifestDigest);

  const second = await ImageStore.open(join(root, 'second'));
  const progress: PullProgress[] = [];
  const client = new RegistryClient(target);
  const pulled = await pullImage({
    reference: target,
    platform,
    client,
    store: second,
    onProgress: (p) => progress.push(p),
  });
  expect(pulled.isNew).toBe(true);
  expect(pulled.image.id).toBe(image.imageId);
  expect(progress.filter((line) => line.status === 'Pull complete')).toHaveLength(2);
  const again = await pullImage({ reference: target, platform, client, store: second });
  expect(again.isNew).toBe(false);
  await client.close();

  const [lower, upper] = second.layersOf(pulled.image).map((layer) => second.layers.directory(layer));
  expect(await readFile(`${lower ?? ''}/etc/motd`, 'utf8')).toBe('hello\n');
  expect(lstatSync(`${lower ?? ''}/etc/link`).ino).toBe(lstatSync(`${lower ?? ''}/etc/motd`).ino);
  expect(lstatSync(`${lower ?? ''}/dev/null`).rdev).toBe(0x103);
  // The upper layer says nothing of /etc itself: it must look like the lower one's.
  const etc = lstatSync(`${upper ?? ''}/etc`);
  expect([etc.mode & 0o777, etc.uid, etc.gid]).toEqual([0o750, 7, 8]);
  const whiteout = lstatSync(`${upper ?? ''}/etc/gone`);
  expect([whiteout.isCharacterDevice(), whiteout.rdev]).toEqual([true, 0]);
  expect(getXattr(`${upper ?? ''}/srv`, 'trusted.overlay.opaque')?.toString()).toBe('y');

  const saved: Buffer[] = [];
  for await (const chunk of saveImages(second, [
    { image: pulled.image, references: second.referencesOf(pulled.image.id) },
  ])) {
    saved.push(chunk as Buffer);
  }
  const third = await ImageStore.open(join(root, 'third'));
  const reloaded = await loadImages({
    store: third,
    archive: Readable.from(saved),
    scratchRoot: root,
    platform,
  });
  expect(reloaded[0]?.image.manifestDigest).toBe(pulled.image.manifestDigest);

  await second.remove(pulled.image.id);
  expect(await readdir(join(root, 'second/content/blobs/sha256'))).toEqual([]);
  expect(await readdir(join(root, 'second/l'))).toEqual([]);
  await Promise.all([first.close(), second.close(), third.close()]);
});
