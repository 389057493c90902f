import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { rerunScript } from './testing/golden-script.ts';

const FOLDER = new URL('../testdata/', import.meta.url);

/** `UPDATE_GOLDEN=1 vitest run libs/raft` writes the files anew; review the difference. */
describe('interaction scripts', () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));

  test('are there', () => {
    expect(names.length).toBeGreaterThanOrEqual(8);
  });

  test.each(names)('%s', (name) => {
    const path = new URL(name, FOLDER);
    const written = readFileSync(path, 'utf8');
    const now = rerunScript(written);
    if (process.env['UPDATE_GOLDEN'] === '1') {
      writeFileSync(path, now);
    } else {
      expect(now).toBe(written);
    }
  });
});
