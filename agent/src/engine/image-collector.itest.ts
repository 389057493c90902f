import { afterEach, beforeEach, expect, test } from 'vitest';

import { EngineFixture } from './testing/engine-fixture.ts';

let fixture: EngineFixture;
let percent = 0;

beforeEach(async () => {
  percent = 0;
  fixture = await EngineFixture.create({
    imageWatermarks: { highPercent: 90, lowPercent: 80, minAgeMs: 0 },
    measureDisk: () => Promise.resolve(percent),
  });
});

afterEach(async () => {
  expect(await fixture.destroy()).toEqual([]);
});

async function idsOf(): Promise<string[]> {
  return (await fixture.engine.images.list()).map((image) => image.id).sort();
}

/** An image with a layer of its own: one whose layers a container has all is not collected either. */
function load(name: string, content: string): Promise<string> {
  return fixture.loadBusybox(name, { files: [{ path: 'marker', type: 'file', content }] });
}

test('a full disk costs unused images, never one that a container has or that has its only name here', async () => {
  const kept = await load('kept:1', 'I=1');
  const used = await load('used:1', 'I=2');
  const dangling = await load('dangling:1', 'I=3');
  await load('dangling:1', 'I=4');
  const { id } = await fixture.engine.containers.create({ image: 'used:1', network: { mode: 'none' } });
  await load('used:1', 'I=5');
  const before = await idsOf();
  percent = 85;
  expect(await fixture.engine.collectImages()).toEqual([]);
  percent = 95;
  expect(await fixture.engine.collectImages()).toEqual([dangling]);
  expect(await idsOf()).toEqual(before.filter((each) => each !== dangling));
  expect(await fixture.engine.images.has(kept)).toBe(true);
  await fixture.engine.containers.remove(id);
  expect(await fixture.engine.collectImages()).toEqual([used]);
});

test('an image that containers are being created of is never taken from under them', async () => {
  percent = 95;
  for (let round = 0; round < 15; round += 1) {
    await load('racing:1', `I=${String(round)}`);
    await load('racing:1', `J=${String(round)}`);
    const dangling = (await fixture.engine.images.list()).find((image) => image.tags.length === 0);
    const [created] = await Promise.allSettled([
      fixture.engine.containers.create({
        image: dangling?.id ?? '',
        network: { mode: 'none' },
        cmd: ['true'],
      }),
      fixture.engine.collectImages(),
    ]);
    if (created.status === 'fulfilled') {
      await fixture.engine.containers.start(created.value.id);
      expect((await fixture.engine.containers.wait(created.value.id)).exitCode).toBe(0);
      await fixture.engine.containers.remove(created.value.id);
    } else {
      expect(String(created.reason)).toContain('No such image');
    }
  }
});
