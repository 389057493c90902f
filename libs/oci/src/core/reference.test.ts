import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { familiarReference, formatReference, parseReference, parseReferenceParts } from './reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('parseReference', () => {
  test.each([
    ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
    ['grafana/grafana', 'docker.io/grafana/grafana:latest', 'grafana/grafana:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000/app:latest'],
    ['10.88.0.250:5000/a/b_c/d--e:v1', '10.88.0.250:5000/a/b_c/d--e:v1', '10.88.0.250:5000/a/b_c/d--e:v1'],
    ['[::1]:5000/app', '[::1]:5000/app:latest', '[::1]:5000/app:latest'],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
    [`quay.io/a:t@${digest}`, `quay.io/a:t@${digest}`, `quay.io/a:t@${digest}`],
    ['HOST/app', 'HOST/app:latest', 'HOST/app:latest'],
  ])('%s', (text, full, familiar) => {
    const parsed = parseReference(text);
    expect(parsed.ok && formatReference(parsed.value)).toBe(full);
    expect(parsed.ok && familiarReference(parsed.value)).toBe(familiar);
  });

  test.each([
    ['', 'invalid reference format'],
    ['Busybox', 'repository name must be lowercase'],
    ['a/B', 'repository name must be lowercase'],
    ['a b', 'invalid reference format'],
    ['a:', 'invalid reference format'],
    [':tag', 'invalid reference format'],
    ['a//b', 'invalid reference format'],
    ['a@sha256:xyz', 'invalid reference format'],
    ['-a', 'invalid reference format'],
    ['a/../b', 'invalid reference format'],
    [`a:${'t'.repeat(129)}`, 'invalid reference format'],
    ['f'.repeat(64), 'cannot specify 64-byte hexadecimal strings'],
    [`a/${'b'.repeat(260)}`, 'must not be more than 255 characters'],
  ])('refuses %j', (text, message) => {
    const parsed = parseReference(text);
    expect(parsed.ok ? '' : parsed.error.message).toContain(message);
  });

  test('whatever is accepted reads back as itself', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9./:@_-]{1,40}$/), (text) => {
        const parsed = parseReference(text);
        if (parsed.ok) {
          expect(parseReferenceParts(formatReference(parsed.value))).toEqual(parsed);
          expect(parseReferenceParts(familiarReference(parsed.value))).toEqual(parsed);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
