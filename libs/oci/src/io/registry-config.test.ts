import { expect, test } from 'vitest';
import { isInsecureRegistry } from './registry-config.ts';

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
