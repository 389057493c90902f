import { SwarmError, type FieldError } from '@skep/kernel';
import type { z } from 'zod';

import { readAsGo } from './go-json.ts';

/**
 * Checks the JSON of a request body against `schema`; properties that the schema does not name are ignored, as
 * Docker does.
 * @throws SwarmError `invalid_argument` that names each bad field.
 */
export function parseBody<S extends z.ZodType>(schema: S, json: unknown): z.infer<S> {
  const result = schema.safeParse(readAsGo(schema, json));
  if (result.success) {
    return result.data;
  }
  const fields: FieldError[] = result.error.issues.map((issue) => ({
    path: issue.path.map(String).join('.'),
    code: issue.code,
    message: issue.message,
  }));
  const text = fields.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
  throw new SwarmError('invalid_argument', `invalid request body: ${text}`, { fields });
}

/** A copy without the properties that are undefined, at any depth; null and byte arrays stay as they are. */
export function compact<T>(value: T): T {
  return dropUndefined(value) as T;
}

function dropUndefined(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(dropUndefined);
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) {
    return value;
  }
  const kept = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(kept.map(([key, item]) => [key, dropUndefined(item)]));
}

/** `value`, or undefined for what Go leaves out by `omitempty`: empty text, 0, false, an empty list or map. */
export function orOmit<T>(value: T): Exclude<T, ''> | undefined {
  const isEmpty =
    value === '' ||
    value === 0 ||
    value === false ||
    value === null ||
    (Array.isArray(value) && value.length === 0) ||
    (typeof value === 'object' && Object.keys(value).length === 0);
  return isEmpty ? undefined : (value as Exclude<T, ''>);
}
