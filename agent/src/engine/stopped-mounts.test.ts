import { expect, test } from 'vitest';

import type { ResolvedMount } from './container-record.ts';
import { mountOfPath } from './stopped-mounts.ts';

const mount = (type: ResolvedMount['type'], destination: string): ResolvedMount => ({
  type,
  destination,
  source: '/s',
  isReadOnly: false,
  propagation: '',
});
const MOUNTS = [
  mount('volume', '/data'),
  mount('bind', '/data/inner'),
  mount('tmpfs', '/data/inner/fast'),
  mount('volume', '/var/lib'),
];

test.each([
  ['/data', '/data'],
  ['data/', '/data'],
  ['/data/file', '/data'],
  ['/data/.', '/data'],
  ['/data/inner', '/data/inner'],
  ['/data/inner/fast/x', '/data/inner'],
  ['/var/../data/x', '/data'],
  ['/database', undefined],
  ['/var', undefined],
  ['/', undefined],
])('%s lies in %s', (path, expected) => {
  expect(mountOfPath(MOUNTS, path)?.destination).toBe(expected);
});
