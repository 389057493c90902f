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
