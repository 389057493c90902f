import { describe, expect, test } from 'vitest';

import { FILES, TARGET, bootstrapArguments, recipeDigest, sourcesFor } from './image-recipe.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

describe('sourcesFor', () => {
  test("takes the host's mirrors of Debian 12, each once, and nothing else", () => {
    const targets = [
      'http://mirror.test/debian/ bookworm main',
      'http://mirror.test/debian/ bookworm main',
      'http://mirror.test/debian/ bookworm contrib',
      'http://mirror.test/debian/ bookworm-backports main',
      'http://mirror.test/debian-security bookworm-security main',
      'http://packages.test/nodejs bookworm main',
    ].join('\n');
    expect(sourcesFor(targets)).toEqual([
      `deb [signed-by=${KEYRING}] http://mirror.test/debian/ bookworm main`,
      `deb [signed-by=${KEYRING}] http://mirror.test/debian-security bookworm-security main`,
    ]);
  });

  test('on hosts of another release none: mmdebstrap knows where Debian is', () => {
    expect(sourcesFor('http://archive.test/ubuntu noble main\n')).toEqual([]);
    expect(sourcesFor('http://mirror.test/debian-security bookworm-security main')).toEqual([]);
    expect(sourcesFor('')).toEqual([]);
  });
});

test('the bootstrap names the release, the directory and the sources last', () => {
  expect(bootstrapArguments('/made', ['deb a', 'deb b']).slice(-4)).toEqual([
    'bookworm',
    '/made',
    'deb a',
    'deb b',
  ]);
});

test('the machine switches itself off whatever comes of its work', () => {
  const service = FILES['etc/systemd/system/skep-guest.service'];
  expect(service).toContain('SuccessAction=poweroff-force');
  expect(service).toContain('FailureAction=poweroff-force');
  expect(FILES[`etc/systemd/system/${TARGET}`]).toContain('skep-guest.service');
  expect(recipeDigest()).toMatch(/^[0-9a-f]{16}$/);
});
