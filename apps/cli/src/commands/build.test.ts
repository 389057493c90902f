import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { isArchive, isGitUrl, openContext, parsePairs } from './build-context.ts';
import { buildQuery } from './build.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'swarm-build-test-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

test.each([
  ['https://host/a.git', true],
  ['https://host/a.git#main:dir', true],
  ['git://host/a', true],
  ['git@host:a/b', true],
  ['https://host/a.tar.gz', false],
  ['./a.git', false],
  ['.', false],
])('%s is a repository: %s', (text, expected) => {
  expect(isGitUrl(text)).toBe(expected);
});

test('a directory becomes an archive, and the Dockerfile is named relative to it', async () => {
  writeFileSync(join(directory, 'Dockerfile'), 'FROM scratch');
  const sent = await openContext(directory, join(directory, 'Other'), Readable.from([]));
  expect(sent.dockerfile).toBe('Other');
  const bytes = await buffer(sent.archive ?? Readable.from([]));
  expect(isArchive(bytes)).toBe(true);
  expect(bytes.includes('FROM scratch')).toBe(true);
  await expect(openContext(directory, '/etc/passwd', Readable.from([]))).rejects.toThrow('is outside of');
  await expect(openContext('/nosuch', undefined, Readable.from([]))).rejects.toThrow('is not a directory');
});

test('standard input is an archive, or a Dockerfile', async () => {
  writeFileSync(join(directory, 'file'), 'content');
  const packed = await buffer(
    (await openContext(directory, undefined, Readable.from([]))).archive ?? Readable.from([]),
  );
  const pieces = [packed.subarray(0, 100), packed.subarray(100)];
  const passed = await openContext('-', 'D', Readable.from(pieces, { objectMode: false }));
  expect(passed.dockerfile).toBe('D');
  expect((await buffer(passed.archive ?? Readable.from([]))).equals(packed)).toBe(true);
  const wrapped = await openContext(
    '-',
    undefined,
    Readable.from([Buffer.from('FROM busybox\n')], { objectMode: false }),
  );
  const archive = await buffer(wrapped.archive ?? Readable.from([]));
  expect(isArchive(archive)).toBe(true);
  expect(archive.includes('FROM busybox')).toBe(true);
});

test('flags become the query of the build', () => {
  const query = new URLSearchParams(
    buildQuery(
      { tag: ['a', 'b:1'], buildArg: ['A=1=2'], cacheFrom: ['c'], cache: false, quiet: true },
      { dockerfile: 'D' },
    ),
  );
  expect(query.getAll('t')).toEqual(['a', 'b:1']);
  expect(Object.fromEntries(query)).toMatchObject({
    buildargs: '{"A":"1=2"}',
    cachefrom: '["c"]',
    nocache: '1',
    q: '1',
    dockerfile: 'D',
  });
});

test('an argument without a value takes it from the environment', () => {
  expect(parsePairs(['A', 'B', 'C=1'], { A: 'a' })).toEqual({ A: 'a', C: '1' });
});
