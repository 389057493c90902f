import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ContentStore } from './content-store.ts';

let root: string;
let store: ContentStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'skep-content-'));
  store = await ContentStore.open(root);
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const CONTENT = Buffer.from('content of a layer');
const BLOB = {
  digest: `sha256:${createHash('sha256').update(CONTENT).digest('hex')}`,
  size: CONTENT.length,
};
const ingesting = (): string[] => readdirSync(join(root, 'ingest'));

function ingestCut(): Promise<void> {
  return store.ingest(BLOB, () => Promise.resolve(Readable.from([CONTENT.subarray(0, 5)])));
}

test('a transfer that was cut is resumed where it stopped', async () => {
  await expect(ingestCut()).rejects.toMatchObject({ code: 'unavailable' });
  const offsets: number[] = [];
  await store.ingest(BLOB, (offset) => {
    offsets.push(offset);
    return Promise.resolve(Readable.from([CONTENT.subarray(offset)]));
  });
  expect([offsets, await store.verify(BLOB.digest), ingesting()]).toEqual([[5], true, []]);
});

test('what a cut transfer left can be given up', async () => {
  await expect(ingestCut()).rejects.toMatchObject({ code: 'unavailable' });
  expect(ingesting()).toHaveLength(1);
  store.dropPartial([BLOB.digest]);
  expect(ingesting()).toEqual([]);
});

test('a transfer that is under way is not given up', async () => {
  const stream = new PassThrough();
  stream.write(CONTENT.subarray(0, 5));
  const transfer = store.ingest(BLOB, () => Promise.resolve(stream));
  store.dropPartial([BLOB.digest]);
  stream.end(CONTENT.subarray(5));
  await transfer;
  expect([await store.verify(BLOB.digest), ingesting()]).toEqual([true, []]);
});
