import { expect, test } from 'vitest';

import { checkVolumeSpec, isSameVolume } from './volume-spec.ts';

test.each([
  ['data', {}],
  ['a.b_c-1', { driver: 'local', options: {} }],
  ['fast', { options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' } }],
  ['nfs', { options: { type: 'nfs', device: ':/a', o: 'addr=10.0.0.9' } }],
])('%s is a volume', (name, spec) => {
  expect(() => {
    checkVolumeSpec(name, spec);
  }).not.toThrow();
});

test.each([
  ['a', {}, 'create a: volume name is too short, names should be at least two alphanumeric characters'],
  ['a b', {}, 'create a b: "a b" includes invalid characters for a local volume name, only "[a-zA-Z0-9]'],
  ['../up', {}, 'includes invalid characters'],
  ['x'.repeat(256), {}, 'volume name is too long, it has 256 characters; use at most 255'],
  [
    'data',
    { driver: 'rexray' },
    'create data: error looking up volume plugin rexray: plugin "rexray" not found',
  ],
  ['data', { options: { colour: 'red' } }, 'create data: invalid option: "colour"'],
  ['data', { options: { type: 'tmpfs' } }, 'create data: missing required option: "device"'],
  ['data', { options: { device: '/a' } }, 'create data: missing required option: "type"'],
  ['data', { options: { o: 'ro' } }, 'create data: missing required option: "device"'],
  [
    'data',
    { options: { type: 'none', device: '/a', size: '1g' } },
    'quota size requested but no quota support',
  ],
  ['data', { options: { type: 'cifs', device: '//h:445/s' } }, "include 'port' in 'o='"],
])('%s %o is refused', (name, spec, message) => {
  expect(() => {
    checkVolumeSpec(name, spec);
  }).toThrow(message);
});

test('a volume is the same when nothing else is asked for, whatever the order', () => {
  const existing = { type: 'tmpfs', device: 'tmpfs' };
  expect(isSameVolume(existing, undefined)).toBe(true);
  expect(isSameVolume(existing, {})).toBe(true);
  expect(isSameVolume(existing, { device: 'tmpfs', type: 'tmpfs' })).toBe(true);
  expect(isSameVolume(existing, { ...existing, o: 'ro' })).toBe(false);
  expect(isSameVolume({}, existing)).toBe(false);
});
