import { describe, expect, test } from 'vitest';
import type { ContainerConfig } from './container-config.ts';
import { checkUserMode } from './user-mode.ts';

const cases: readonly (readonly [Partial<ContainerConfig>, string])[] = [
  [{ security: { privileged: true } }, 'privileged mode is incompatible with user namespaces.'],
  [
    { network: { mode: 'host' } },
    "cannot share the host's network namespace when user namespaces are enabled",
  ],
  [{ namespaces: { pid: 'host' } }, 'cannot share the host PID namespace when user namespaces are enabled'],
];

describe('with remapping', () => {
  test.each(cases)('%j is refused, unless in the namespace of the host', (config, message) => {
    const refused = checkUserMode({ image: 'x', ...config }, true);
    expect(refused.ok ? '' : refused.error.message).toContain(message);
    const inHost = { image: 'x', ...config, namespaces: { ...config.namespaces, user: 'host' } };
    expect(checkUserMode(inHost, true).ok).toBe(true);
    expect(checkUserMode({ image: 'x', ...config }, false).ok).toBe(true);
  });
});

test('a mode that is none is refused', () => {
  expect(checkUserMode({ image: 'x', namespaces: { user: 'private' } }, false)).toMatchObject({
    ok: false,
    error: { message: 'invalid USER mode: private' },
  });
});
