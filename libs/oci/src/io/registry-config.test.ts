import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { isInsecureRegistry, trustedAuthorities } from './registry-config.ts';

test.each([
  ['localhost:5000', [], true],
  ['127.0.0.1:5000', [], true],
  ['[::1]:5000', [], true],
  ['10.88.0.250:5000', [], false],
  ['10.88.0.250:5000', ['10.88.0.0/24'], true],
  ['10.89.0.250:5000', ['10.88.0.0/24'], false],
  ['registry.lan:5000', ['registry.lan:5000'], true],
  ['registry.lan:5001', ['registry.lan:5000'], false],
  ['registry.lan:5001', ['registry.lan'], true],
  ['docker.io', ['10.0.0.0/8'], false],
])('%s with %j', (domain, insecure, expected) => {
  expect(isInsecureRegistry(domain, insecure)).toBe(expected);
});

test('an authority of its own is believed beside the public ones, for its registry alone', () => {
  const config = { certificateAuthorities: { 'registry.lan:5000': 'PEM' } };
  const trusted = trustedAuthorities('registry.lan:5000', config);
  expect(trusted).toContain('PEM');
  expect(trusted).toEqual(expect.arrayContaining(rootCertificates.slice(0, 5)));
  expect(trustedAuthorities('registry.lan:5001', config)).toBeUndefined();
  expect(trustedAuthorities('constructor', config)).toBeUndefined();
});

test('authorities are read from a directory like that of Docker, each time anew', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skep-certs-'));
  try {
    const config = { certificateDirectory: directory };
    expect(trustedAuthorities('registry.lan:5000', config)).toBeUndefined();
    mkdirSync(join(directory, 'registry.lan:5000'));
    writeFileSync(join(directory, 'registry.lan:5000/ca.crt'), 'CA');
    writeFileSync(join(directory, 'registry.lan:5000/client.key'), 'KEY');
    expect(trustedAuthorities('registry.lan:5000', config)?.slice(rootCertificates.length)).toEqual(['CA']);
    expect(trustedAuthorities('registry.lan', config)).toBeUndefined();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
