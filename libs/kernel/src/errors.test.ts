import { describe, expect, test } from 'vitest';

import {
  ERROR_CODES,
  ERROR_FACES,
  SwarmError,
  fromErrorRecord,
  isSwarmError,
  toErrorRecord,
} from './errors.ts';

describe('error faces', () => {
  test.each(ERROR_CODES)('%s has a face that is an error on every side', (code) => {
    const face = ERROR_FACES[code];
    expect(face.httpStatus).toBeGreaterThanOrEqual(400);
    expect(face.dockerStatus).toBeGreaterThanOrEqual(400);
    expect(face.exitCode).toBeGreaterThan(0);
    expect(face.title).not.toBe('');
  });
});

describe('error records', () => {
  test('a SwarmError survives the wire', () => {
    const error = new SwarmError('invalid_argument', 'replicas must be 0 or more', {
      fields: [{ path: 'mode.replicas', code: 'too_small', message: 'must be 0 or more' }],
      details: { given: -1 },
    });
    const back = fromErrorRecord(toErrorRecord(error));
    expect(back).toMatchObject({
      code: error.code,
      message: error.message,
      fields: error.fields,
      details: error.details,
    });
  });

  test('anything else becomes internal', () => {
    expect(toErrorRecord(new TypeError('x is not a function'))).toEqual({
      code: 'internal',
      message: 'x is not a function',
      temporary: false,
    });
  });

  test('isSwarmError tells codes apart', () => {
    const error = new SwarmError('not_found', 'service x not found');
    expect(isSwarmError(error, 'not_found')).toBe(true);
    expect(isSwarmError(error, 'internal')).toBe(false);
    expect(isSwarmError(new Error('x'))).toBe(false);
  });
});
