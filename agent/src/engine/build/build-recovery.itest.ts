import { createReadStream, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { buildTar } from '@skep/oci';

import { EngineFixture, until } from '../testing/engine-fixture.ts';
import { EngineProcess } from '../testing/engine-process.ts';

let fixture: EngineFixture;
let child: EngineProcess | undefined;

beforeEach(async () => {
  fixture = await EngineFixture.create();
  await fixture.loadBusybox();
});

afterEach(async () => {
  await child?.kill();
  expect(await fixture.destroy()).toEqual([]);
});

async function writeContext(dockerfile: string): Promise<string> {
  const path = `${fixture.root}/context.tar`;
  await writeFile(path, buildTar([{ path: 'Dockerfile', type: 'file', content: dockerfile }]));
  return path;
}

function buildInChild(path: string): EngineProcess {
  const request = { source: { kind: 'archive', archive: { file: path } }, networkMode: 'none' };
  return new EngineProcess(fixture, [{ call: 'builds.build', args: [request] }]);
}

test('a build ends with its daemon, and the next start removes what is left of it', async () => {
  // The comment makes the process one of this fixture, wherever leftovers are looked for.
  const path = await writeContext(`FROM busybox\nRUN touch /made\nRUN sleep 1000; true # ${fixture.root}`);
  await fixture.close();
  child = buildInChild(path);
  await until(() => fixture.leftovers().some((left) => left.includes('/bin/sh -c sleep 1000')), 60_000);
  await child.kill();
  await until(() => fixture.leftovers().every((left) => !left.startsWith('process')));

  const engine = await fixture.open();
  const again = await writeContext('FROM busybox\nRUN touch /made\nRUN test -e /made');
  const lines: string[] = [];
  const { imageId } = await engine.builds.build({
    source: { kind: 'archive', archive: createReadStream(again) },
    networkMode: 'none',
    onOutput: (text) => {
      lines.push(text);
    },
  });
  expect(lines.join('')).toContain('Using cache');
  expect(await engine.images.has(imageId)).toBe(true);
  await fixture.close();
  expect(readdirSync(`${fixture.root}/data/engine/builds/work`)).toEqual([]);
  expect(readdirSync(`${fixture.root}/run/engine/builds`)).toEqual([]);
});

test('the cache keeps to its bound', async () => {
  expect(await fixture.destroy()).toEqual([]);
  fixture = await EngineFixture.create({ buildCacheBytesMax: 6_000_000 });
  await fixture.loadBusybox();
  for (const size of [1, 2, 3]) {
    const path = await writeContext(`FROM busybox\nRUN head -c 3000000 /dev/urandom > /file${String(size)}`);
    await fixture.engine.builds.build({
      source: { kind: 'archive', archive: createReadStream(path) },
      networkMode: 'none',
    });
  }
  await fixture.engine.builds.pruneCache({ isPrunable: () => false });
  const bytes = (await fixture.engine.builds.cache()).reduce((sum, record) => sum + record.sizeBytes, 0);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(6_000_000);
});
