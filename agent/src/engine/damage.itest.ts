import { randomBytes } from 'node:crypto';
import { existsSync, openSync, readFileSync, readdirSync, statSync, writeSync, closeSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ContentStore, buildArchive, buildImage, startRegistry, type RegistryProcess } from '@skep/oci';
import { mount, unmount } from './runtime/system-calls.ts';
import { EngineFixture, until } from './testing/engine-fixture.ts';

/*
 * Goal: a full disk and a damaged file are told in a clear sentence, harm nothing else, and are mended by pulling again.
 * Method: a data root on a small file system of its own; bytes turned over in the store's files.
 */

const LAYER_BYTES = 7_000_000;
const DISK_BYTES = 40 * 1024 * 1024;

let outside: string;
let disk: string;
let registry: RegistryProcess;
let fixture: EngineFixture;

beforeEach(async () => {
  outside = await mkdtemp(join(tmpdir(), 'skep-damage-'));
  disk = join(outside, 'disk');
  await mkdir(disk);
  mount({ source: 'tmpfs', target: disk, type: 'tmpfs', data: `size=${String(DISK_BYTES)}` });
  registry = await startRegistry({ directory: join(outside, 'registry') });
  fixture = await EngineFixture.create({ dataRoot: disk });
  await fixture.loadBusybox();
});

afterEach(async () => {
  const left = await fixture.destroy();
  await registry.stop();
  unmount(disk);
  await rm(outside, { recursive: true, force: true });
  expect(left).toEqual([]);
});

/** Puts an image of random layers into the registry, by way of an engine with room enough. */
async function publish(name: string, layers: number): Promise<string> {
  const reference = `${registry.domain}/${name}:1`;
  const image = buildImage({
    layers: Array.from({ length: layers }, (_, index) => [
      { path: `file-${String(index)}`, type: 'file' as const, content: randomBytes(LAYER_BYTES) },
    ]),
  });
  const other = await EngineFixture.create();
  await other.engine.images.load(Readable.from([buildArchive(image, [reference])]));
  await other.engine.images.push(reference);
  expect(await other.destroy()).toEqual([]);
  return reference;
}

/** Every blob is what its name says, and nothing half done lies about. */
async function expectSoundStore(): Promise<void> {
  const content = await ContentStore.open(join(disk, 'engine', 'content'));
  for (const digest of await content.list()) {
    expect(await content.verify(digest), digest).toBe(true);
  }
  for (const folder of ['content/ingest', 'incoming', 'scratch']) {
    expect(readdirSync(join(disk, 'engine', folder)), folder).toEqual([]);
  }
}

test('a disk that fills up during a pull', async () => {
  const large = await publish('large', 6);
  const small = await publish('small', 1);
  await expect(fixture.engine.images.pull(large)).rejects.toMatchObject({
    code: 'resource_exhausted',
    message: expect.stringMatching(/no space left on the disk for .*: remove images or add space/) as string,
  });
  await expectSoundStore();
  await fixture.engine.images.pull(small);
  expect((await fixture.engine.images.inspect(small)).id).toMatch(/^sha256:/);
  await expectSoundStore();
});

test('a disk that fills up while documents of an image are written', async () => {
  const small = await publish('small', 1);
  const { containers } = fixture.engine;
  const { id } = await containers.create({
    image: 'busybox',
    network: { mode: 'none' },
    cmd: ['sh', '-c', 'cat /dev/zero > /f'],
  });
  await containers.start(id);
  await containers.wait(id, 'not-running');
  await expect(fixture.engine.images.pull(small)).rejects.toMatchObject({ code: 'resource_exhausted' });
  await expectSoundStore();
  await containers.remove(id, {});
  await fixture.engine.images.pull(small);
  await expectSoundStore();
});

test('a container that fills the disk is told so, and its end is known all the same', async () => {
  const { containers } = fixture.engine;
  const { id } = await containers.create({
    image: 'busybox',
    network: { mode: 'none' },
    cmd: ['sh', '-c', 'echo begin; cat /dev/zero > /f; echo "code $?" > /dev/null; rm /f; echo end; exit 9'],
  });
  await containers.start(id);
  expect((await containers.wait(id, 'not-running')).exitCode).toBe(9);
  const keeper = await containers.create({
    image: 'busybox',
    network: { mode: 'none' },
    cmd: ['sh', '-c', 'cat /dev/zero > /f; exit 7'],
  });
  await containers.start(keeper.id);
  expect((await containers.wait(keeper.id, 'not-running')).exitCode).toBe(7);
  await fixture.close();
  const engine = await fixture.open();
  expect((await engine.containers.inspect(id)).state).toMatchObject({ status: 'exited', exitCode: 9 });
  await until(async () => (await engine.containers.inspect(keeper.id)).state.status === 'exited');
  expect((await engine.containers.inspect(keeper.id)).state).toMatchObject({ status: 'exited', exitCode: 7 });
  // What a person does next: remove the container, and all is well.
  await engine.containers.remove(keeper.id, {});
  await engine.containers.start(id);
  expect((await engine.containers.wait(id, 'not-running')).exitCode).toBe(9);
});

test('a damaged blob is found by its digest and fetched again', async () => {
  const reference = await publish('small', 1);
  const { engine } = fixture;
  await engine.images.pull(reference);
  const { id } = await engine.images.inspect(reference);
  const blobs = join(disk, 'engine', 'content', 'blobs', 'sha256');
  const config = join(blobs, id.slice('sha256:'.length));
  const layer = readdirSync(blobs)
    .map((name) => join(blobs, name))
    .find((path) => statSync(path).size >= LAYER_BYTES);
  for (const path of [config, layer ?? '']) {
    turnOver(path);
    // The layer is not unpacked any more, as after a pull that was cut off.
    await engine.images.remove(reference, {}).catch(() => undefined);
    turnOver(path);
    await engine.images.pull(reference);
    await expectSoundStore();
  }
  expect(existsSync(config)).toBe(true);
});

test('an engine opens although a blob is damaged, and mends it by a pull', async () => {
  const reference = await publish('small', 1);
  await fixture.engine.images.pull(reference);
  const { id } = await fixture.engine.images.inspect(reference);
  await fixture.close();
  turnOver(join(disk, 'engine', 'content', 'blobs', 'sha256', id.slice('sha256:'.length)));
  const engine = await fixture.open();
  await engine.images.pull(reference);
  expect((await engine.images.inspect(reference)).id).toBe(id);
  await expectSoundStore();
});

/** Turns over one bit in the middle of a file, if it is there. */
function turnOver(path: string): void {
  if (!existsSync(path)) {
    return;
  }
  const middle = statSync(path).size >> 1;
  const byte = readFileSync(path)[middle] ?? 0;
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.from([byte ^ 1]), 0, 1, middle);
  closeSync(fd);
}
