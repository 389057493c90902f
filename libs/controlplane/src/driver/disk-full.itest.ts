import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, expect, test } from 'vitest';

import { TestGroup, until } from './testing/test-group.ts';

let group: TestGroup | undefined;
let mounted = '';
afterEach(async () => {
  if (mounted !== '') {
    spawnSync('umount', ['--lazy', mounted]);
  }
  await group?.close();
});

/** A file system of its own, just large enough for the log's first segments. */
function mountSmallDisk(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', folder]);
  if (status !== 0) {
    throw new Error(`cannot mount a tmpfs: ${stderr.toString()}`);
  }
  mounted = folder;
}

test('a leader whose disk really is full hands over, and is back when there is room', async () => {
  group = await TestGroup.create();
  const disk = join(group.folder, 'n1');
  mountSmallDisk(disk);
  await group.grow(3);
  const first = group.members.get('n1');
  if (first === undefined) {
    throw new Error('no n1');
  }
  await until('n1 leads', () => first.handle.status().role === 'leader');
  // The ballast of an administrator who forgot a core dump: what remains is less than the next segment.
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(8 * 1024 * 1024));
  const value = Buffer.alloc(512 * 1024, 'x');
  let acknowledged = 0;
  const write = async (nodeId: string): Promise<void> => {
    await group?.members.get(nodeId)?.handle.propose(value, { timeoutMs: 10_000 });
    acknowledged += 1;
  };
  const others = ['n2', 'n3'];
  for (let i = 0; i < 40 && first.handle.status().disk !== 'full'; i += 1) {
    await write('n1').catch(() => undefined);
  }
  await until('n1 says that its disk is full', () => first.handle.status().disk === 'full');
  const next = await group.leader(others);
  await write(next.nodeId);
  rmSync(join(disk, 'ballast'));
  await until('n1 says that there is room', () => first.handle.status().disk === 'ok');
  await until('n1 has everything', () => first.applied.length === next.applied.length);
  expect(first.applied.length).toBeGreaterThanOrEqual(acknowledged);
});
