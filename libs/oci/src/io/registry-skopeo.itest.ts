import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { MEDIA_TYPES } from '../core/media-types.ts';
import type { Platform } from '../core/platform.ts';
import { formatReference, parseReference, type ImageReference } from '../core/reference.ts';
import { buildArchive, buildImage, type BuiltImage } from './image-builder.ts';
import { ImageStore, type StoredImage } from './image-store.ts';
import { loadImages, type LoadedImage } from './load-images.ts';
import { pullImage } from './pull-image.ts';
import { pushImage } from './push-image.ts';
import { RegistryClient } from './registry-client.ts';
import { startRegistry, type RegistryProcess } from './registry-process.ts';
import { saveImages } from './save-images.ts';
import { readCopy, skopeo } from './testing/skopeo.ts';

/*
 * Goal: what we write is what others read, and the other way round. Method: the real registry between us and skopeo,
 * and archives from hand to hand; what passes the registry is counted by a proxy in front of it.
 */

const AMD64: Platform = { os: 'linux', architecture: 'amd64' };
const PLAIN = ['--src-tls-verify=false', '--dest-tls-verify=false'];

let root: string;
let registry: RegistryProcess;
let proxy: Server;
let proxyDomain: string;
/** `PUT /v2/...` of everything that passed the proxy. */
let passed: string[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'skep-oci-'));
  registry = await startRegistry({ directory: join(root, 'registry') });
  proxy = createServer((incoming, outgoing) => {
    passed.push(`${incoming.method ?? ''} ${incoming.url ?? ''}`);
    const [host, port] = registry.domain.split(':');
    const onward = httpRequest(
      { host, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  proxyDomain = `127.0.0.1:${String((proxy.address() as AddressInfo).port)}`;
});

beforeEach(() => {
  passed = [];
});

afterAll(async () => {
  proxy.closeAllConnections();
  proxy.close();
  await registry.stop();
  await rm(root, { recursive: true, force: true });
});

/** An image that no other test has: every layer must travel. */
function makeImage(content: string, architecture = 'amd64'): BuiltImage {
  return buildImage({
    layers: [
      [
        { path: 'etc', type: 'directory', mode: 0o755 },
        { path: 'etc/motd', type: 'file', content: `${content} on ${architecture}\n` },
        { path: 'etc/gone', type: 'file', content: 'x' },
        { path: 'data', type: 'file', content: randomBytes(300_000) },
      ],
      [
        { path: 'etc/.wh.gone', type: 'file' },
        { path: 'more', type: 'file', content: Buffer.alloc(200_000, content) },
      ],
    ],
    config: { cmd: ['/bin/sh'], labels: { made: content }, architecture },
  });
}

function reference(text: string): ImageReference {
  const parsed = parseReference(text);
  if (!parsed.ok) {
    throw parsed.error;
  }
  return parsed.value;
}

async function withStore<T>(work: (store: ImageStore) => Promise<T>): Promise<T> {
  const store = await ImageStore.open(await mkdtemp(join(root, 'store-')));
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

function load(store: ImageStore, archive: Readable): Promise<readonly LoadedImage[]> {
  return loadImages({ store, archive, scratchRoot: root, platform: AMD64 });
}

async function pull(store: ImageStore, name: string, platform = AMD64): Promise<StoredImage> {
  const target = reference(name);
  const client = new RegistryClient(target);
  try {
    return (await pullImage({ reference: target, platform, client, store })).image;
  } finally {
    await client.close();
  }
}

/** Pushes and answers the digest and the last word about each layer. */
async function push(
  store: ImageStore,
  name: string,
): Promise<{ digest: string; layers: Record<string, string> }> {
  const target = reference(name);
  const client = new RegistryClient(target);
  const layers: Record<string, string> = {};
  try {
    const { digest } = await pushImage({
      image: store.get(formatReference(target)),
      reference: target,
      client,
      store,
      onProgress: ({ id, status }) => {
        layers[id] = status;
      },
    });
    delete layers[''];
    return { digest, layers };
  } finally {
    await client.close();
  }
}

/** Loads a made image and pushes it. */
async function publish(image: BuiltImage, name: string): Promise<string> {
  return withStore(async (store) => {
    await load(store, Readable.from([buildArchive(image, [name])]));
    return (await push(store, name)).digest;
  });
}

function textOf(store: ImageStore, image: StoredImage, layer: number, path: string): string {
  const unpacked = store.layersOf(image)[layer];
  return unpacked === undefined ? '' : readFileSync(join(store.layers.directory(unpacked), path), 'utf8');
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

test('what we push, skopeo reads: the same digests from manifest to layers', async () => {
  const image = makeImage('pushed');
  const name = `${registry.domain}/read/back:1`;
  const digest = await publish(image, name);
  const told = JSON.parse(await skopeo('inspect', '--tls-verify=false', `docker://${name}`));
  expect(told).toMatchObject({
    Digest: digest,
    RepoTags: ['1'],
    Architecture: 'amd64',
    Os: 'linux',
    Labels: { made: 'pushed' },
  });
  const directory = join(root, 'read-back');
  await skopeo('copy', ...PLAIN, '--preserve-digests', `docker://${name}`, `dir:${directory}`);
  const copy = await readCopy(directory);
  expect(sha256(copy.manifestBytes)).toBe(digest);
  expect(copy.manifest.config.digest).toBe(image.imageId);
  expect(copy.manifest.layers.map((layer) => layer.digest)).toEqual(told.Layers);
  for (const { digest: layer } of copy.manifest.layers) {
    expect((await copy.blob(layer)).equals(image.blobs.get(layer) ?? Buffer.alloc(0))).toBe(true);
  }
});

test('what skopeo pushes with zstd, we unpack; pushed on, it keeps its digests', async () => {
  const archive = join(root, 'zstd.tar');
  await writeFile(archive, buildArchive(makeImage('packed by zstd'), ['zstd:1']));
  const name = `${registry.domain}/zstd/app:1`;
  const zstd = ['--format', 'oci', '--dest-compress-format', 'zstd'];
  await skopeo('copy', ...PLAIN, ...zstd, `docker-archive:${archive}`, `docker://${name}`);
  await withStore(async (store) => {
    const image = await pull(store, name);
    expect(image.manifest.layers.map((layer) => layer.mediaType)).toEqual(
      Array(2).fill(MEDIA_TYPES.ociLayerZstd),
    );
    expect(textOf(store, image, 0, 'etc/motd')).toBe('packed by zstd on amd64\n');
    expect(textOf(store, image, 1, 'more')).toHaveLength(200_000);
    const onward = `${registry.domain}/zstd/onward:1`;
    await store.tag(image.id, onward);
    expect((await push(store, onward)).digest).toBe(image.manifestDigest);
    const raw = await skopeo('inspect', '--tls-verify=false', '--raw', `docker://${onward}`);
    expect(sha256(Buffer.from(raw))).toBe(image.manifestDigest);
  });
});

test('of an image for several platforms, each host takes its own', async () => {
  const architectures = ['amd64', 'arm64', 's390x'];
  const images = architectures.map((architecture) => makeImage('multi', architecture));
  const repository = `${registry.domain}/multi/app`;
  const manifests: object[] = [];
  for (const [index, image] of images.entries()) {
    const architecture = architectures[index] ?? '';
    const digest = await publish(image, `${repository}:${architecture}`);
    const size = image.blobs.get(image.manifestDigest)?.length;
    manifests.push({
      mediaType: MEDIA_TYPES.ociManifest,
      digest,
      size,
      platform: { os: 'linux', architecture },
    });
  }
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }));
  const client = new RegistryClient(reference(`${repository}:all`));
  await client.putManifest('all', index, MEDIA_TYPES.ociIndex);
  await client.close();
  // skopeo takes the index with all its images elsewhere; we read it there.
  const copied = `${registry.domain}/multi/copied:all`;
  await skopeo('copy', ...PLAIN, '--all', `docker://${repository}:all`, `docker://${copied}`);
  for (const [position, architecture] of architectures.entries()) {
    const override = ['--override-os', 'linux', '--override-arch', architecture];
    const config = await skopeo(
      ...override,
      ...['inspect', '--tls-verify=false', '--config', '--raw', `docker://${copied}`],
    );
    await withStore(async (store) => {
      const image = await pull(store, copied, { os: 'linux', architecture });
      expect(image.id).toBe(images[position]?.imageId);
      expect(image.id).toBe(sha256(Buffer.from(config)));
      expect(textOf(store, image, 0, 'etc/motd')).toBe(`multi on ${architecture}\n`);
      const names = store.referencesOf(image.id);
      expect(names).toContain(`${registry.domain}/multi/copied@${sha256(index)}`);
    });
  }
  await withStore(async (store) => {
    await expect(pull(store, copied, { os: 'linux', architecture: 'riscv64' })).rejects.toThrow(
      'no matching manifest for linux/riscv64 in the manifest list entries; ' +
        'it has linux/amd64, linux/arm64, linux/s390x',
    );
    expect(store.list()).toEqual([]);
  });
});

test('layers that a sibling repository has are mounted from there and not sent', async () => {
  const image = makeImage('mounted');
  const [from, to] = [`${proxyDomain}/mount/from:1`, `${proxyDomain}/mount/to:1`];
  await publish(image, from);
  expect(passed.filter((line) => line.startsWith('PUT /v2/mount/from/blobs/'))).toHaveLength(3);
  await withStore(async (store) => {
    const { id } = await pull(store, from);
    await store.tag(id, to);
    passed = [];
    const { digest, layers } = await push(store, to);
    expect(digest).toBe(image.manifestDigest);
    expect(Object.values(layers)).toEqual(Array(2).fill('Mounted from mount/from'));
    // The one upload is the configuration.
    expect(passed.filter((line) => /^(PUT|PATCH) \/v2\/mount\/to\/blobs\//.test(line))).toHaveLength(1);
    expect(
      passed.filter((line) => line.includes('?mount=sha256') && line.includes('from=mount')),
    ).toHaveLength(2);
  });
  const directory = join(root, 'mounted');
  await skopeo('copy', ...PLAIN, `docker://${to}`, `dir:${directory}`);
  expect((await readCopy(directory)).manifest.config.digest).toBe(image.imageId);
  // A second push finds everything there.
  passed = [];
  await withStore(async (store) => {
    await pull(store, to);
    const { layers } = await push(store, to);
    expect(Object.values(layers)).toEqual(Array(2).fill('Layer already exists'));
  });
  expect(passed.filter((line) => line.includes('/blobs/uploads/'))).toEqual([]);
});

test('a sibling that has lost the layers costs a full upload and nothing else', async () => {
  const image = makeImage('sent after all');
  const to = `${proxyDomain}/lost/to:1`;
  await withStore(async (store) => {
    await load(store, Readable.from([buildArchive(image, [to])]));
    await store.tag(image.imageId, `${proxyDomain}/lost/never-was@${image.manifestDigest}`);
    const { layers } = await push(store, to);
    expect(Object.values(layers)).toEqual(['Pushed', 'Pushed']);
  });
  await withStore(async (store) => {
    expect((await pull(store, to)).id).toBe(image.imageId);
  });
});

test('an archive of ours is read by skopeo in both its forms, with several images in it', async () => {
  const images = [makeImage('first'), makeImage('second')];
  const names = ['exchange/first:1', 'exchange/second:2'];
  const archive = join(root, 'ours.tar');
  await withStore(async (store) => {
    for (const [index, image] of images.entries()) {
      await load(store, Readable.from([buildArchive(image, [names[index] ?? ''])]));
    }
    const saved = names.map((name) => {
      const full = formatReference(reference(name));
      return { image: store.get(full), references: [full] };
    });
    await pipeline(saveImages(store, saved), createWriteStream(archive));
  });
  for (const [index, image] of images.entries()) {
    const asDocker = join(root, `as-docker-${String(index)}`);
    await skopeo('copy', `docker-archive:${archive}:${names[index] ?? ''}`, `dir:${asDocker}`);
    expect((await readCopy(asDocker)).manifest.config.digest).toBe(image.imageId);
    const asOci = join(root, `as-oci-${String(index)}`);
    // In the layout's own words a name is what follows the colon.
    await skopeo('copy', `oci-archive:${archive}:${String(index + 1)}`, `dir:${asOci}`);
    const copy = await readCopy(asOci);
    expect(sha256(copy.manifestBytes)).toBe(image.manifestDigest);
    expect(copy.manifest.config.digest).toBe(image.imageId);
  }
});

test.each(['docker-archive', 'oci-archive'])('a %s of skopeo is loaded with its name', async (form) => {
  const image = makeImage(`from ${form}`);
  const name = `${registry.domain}/archived/${form}:1`;
  await publish(image, name);
  const archive = join(root, `${form}.tar`);
  await skopeo('copy', ...PLAIN, `docker://${name}`, `${form}:${archive}:archived/app:7`);
  await withStore(async (store) => {
    const [loaded, ...others] = await load(store, createReadStream(archive));
    expect(others).toEqual([]);
    expect(loaded?.references).toEqual(['docker.io/archived/app:7']);
    const stored = store.get('docker.io/archived/app:7');
    expect(stored.id).toBe(image.imageId);
    expect(textOf(store, stored, 0, 'etc/motd')).toBe(`from ${form} on amd64\n`);
  });
});
