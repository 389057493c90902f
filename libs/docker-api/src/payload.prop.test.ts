import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decodeBase64, encodeBase64, payloadFromDocker, payloadToDocker } from './payload.ts';

test('base 64 agrees with the platform’s in both alphabets', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const standard = Buffer.from(bytes).toString('base64');
      expect(encodeBase64(bytes)).toBe(standard);
      expect([...decodeBase64(standard, 'x')]).toEqual([...bytes]);
      expect([...decodeBase64(Buffer.from(bytes).toString('base64url'), 'x')]).toEqual([...bytes]);
    }),
  );
});

test.each(['a', 'ab=c', '====', 'a b', 'ab$d'])('"%s" is not base 64', (text) => {
  expect(() => decodeBase64(text, 'Data')).toThrow('Data is not valid base 64');
});

describe('secrets and configs', () => {
  test('data never comes back for a secret, and does for a config', () => {
    const meta = { id: 'x', version: 7, createdAtMs: 1000, updatedAtMs: 2000, spec: { name: 'n' } };
    expect(payloadToDocker(meta)).toEqual({
      ID: 'x',
      Version: { Index: 7 },
      CreatedAt: '1970-01-01T00:00:01.000Z',
      UpdatedAt: '1970-01-01T00:00:02.000Z',
      Spec: { Name: 'n', Labels: {} },
    });
    expect(payloadToDocker({ ...meta, data: Uint8Array.of(104, 105) }).Spec.Data).toBe('aGk=');
  });

  test('drivers and templates are refused by name', () => {
    expect(() => payloadFromDocker({ Name: 'n', Driver: { Name: 'vault' } }, 'secret')).toThrow(
      /secret drivers/,
    );
    expect(() => payloadFromDocker({ Name: 'n', Templating: { Name: 'golang' } }, 'config')).toThrow(
      /config templating/,
    );
  });
});
