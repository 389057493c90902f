import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { setFrozen } from './oci-runtime.ts';

test('what the kernel does not freeze in time goes on: half frozen it could not even be killed', async () => {
  const root = mkdtempSync(join(tmpdir(), 'skep-freeze-'));
  try {
    mkdirSync(join(root, 'group'));
    writeFileSync(join(root, 'group/cgroup.events'), 'populated 1\nfrozen 0\n');
    const host = { version: 2, hierarchies: { unified: root }, hasMixedControllers: false } as const;
    await expect(setFrozen(host, 'group', true, 50)).rejects.toThrow('did not freeze the container');
    expect(readFileSync(join(root, 'group/cgroup.freeze'), 'utf8')).toBe('0');
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('what has ended and gone is thawed: version 2 kills what is frozen', async () => {
  const root = mkdtempSync(join(tmpdir(), 'skep-freeze-'));
  try {
    for (const host of [
      { version: 2, hierarchies: { unified: root }, hasMixedControllers: false },
      { version: 1, hierarchies: { freezer: root }, hasMixedControllers: false },
    ] as const) {
      await setFrozen(host, 'gone', false, 50);
      await expect(setFrozen(host, 'gone', true, 50)).rejects.toThrow('ENOENT');
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});
