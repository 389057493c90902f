import { createHash } from 'node:crypto';

import { expect, test } from 'vitest';

import { openBackup, sealBackup } from './backup-file.ts';

const PASSPHRASE = 'correct horse battery';
const about = { clusterId: 'c1', logIndex: 42, createdAtMs: 7 };
const state = new Uint8Array(Buffer.from('state '.repeat(1000)));

test('a backup opens with its passphrase and tells what it is of', async () => {
  const file = await sealBackup(state, about, PASSPHRASE);
  const { header, data } = await openBackup(file, PASSPHRASE);
  expect(header).toMatchObject(about);
  expect(Buffer.from(data).equals(Buffer.from(state))).toBe(true);
  expect(file.includes('state state')).toBe(false);
});

test('a wrong passphrase is told from damage', async () => {
  const file = await sealBackup(state, about, PASSPHRASE);
  await expect(openBackup(file, 'another passphrase')).rejects.toThrow(/passphrase: it is not the one/);
  for (const at of [12, 40, Math.floor(file.length / 2), file.length - 1]) {
    const damaged = Buffer.from(file);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await expect(openBackup(damaged, PASSPHRASE), `byte ${String(at)}`).rejects.toThrow(/damaged/);
  }
  await expect(openBackup(file.subarray(0, file.length - 100), PASSPHRASE)).rejects.toThrow(/damaged/);
  await expect(openBackup(file.subarray(0, 11), PASSPHRASE)).rejects.toThrow(/damaged/);
});

test('what is no backup, or a newer one, is refused by name', async () => {
  await expect(openBackup(Buffer.from('something else entirely'), PASSPHRASE)).rejects.toThrow(/no backup/);
  const file = await sealBackup(state, about, PASSPHRASE);
  const newer = Buffer.from(file.subarray(0, file.length - 32));
  newer.write('"version":9', newer.indexOf('"version":1'));
  const summed = Buffer.concat([newer, createHash('sha256').update(newer).digest()]);
  await expect(openBackup(summed, PASSPHRASE)).rejects.toThrow(/form 9/);
});

test('a short passphrase is refused', async () => {
  await expect(sealBackup(state, about, 'short')).rejects.toThrow(/at least 12 characters/);
});
