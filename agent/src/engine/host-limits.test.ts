import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { canWeighBlockIo } from './host-limits.ts';

test.each([
  ['no scheduler has weights', [], false],
  ['weights, seen below the root once io is handed down', ['system.slice/io.weight'], true],
  ['weights of the scheduler BFQ alone', ['init.scope/io.bfq.weight'], true],
  ['weights, and nobody has asked for io yet', ['io.cost.qos'], true],
])('version 2: %s', (_what, files, expected) => {
  const root = mkdtempSync(join(tmpdir(), 'skep-limits-'));
  try {
    for (const file of files) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), '');
    }
    expect(canWeighBlockIo({ version: 2, hierarchies: { unified: root }, hasMixedControllers: false })).toBe(
      expected,
    );
  } finally {
    rmSync(root, { recursive: true });
  }
});
