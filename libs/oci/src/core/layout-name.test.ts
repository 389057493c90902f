import { expect, test } from 'vitest';
import { nameInLayout } from './layout-name.ts';

const FULL = 'io.containerd.image.name';
const REF = 'org.opencontainers.image.ref.name';

test.each([
  [undefined, undefined],
  [{}, undefined],
  [{ [REF]: '1.0' }, undefined],
  [{ [REF]: 'app' }, undefined],
  [{ [REF]: 'app:1.0' }, 'app:1.0'],
  [{ [REF]: 'team/app' }, 'team/app'],
  [{ [REF]: 'localhost:5000/app:1' }, 'localhost:5000/app:1'],
  [{ [REF]: '1.0', [FULL]: 'docker.io/library/app:1.0' }, 'docker.io/library/app:1.0'],
])('%j is named %s', (annotations, name) => {
  expect(nameInLayout(annotations)).toBe(name);
});
