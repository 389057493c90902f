import { SwarmError } from '@skep/kernel';

import type { Exchange } from '../exchange.ts';

/** The `version` of an update: the object's `Version.Index` that the client has seen. */
export function versionParameter(exchange: Exchange, kind: string): number {
  const text = exchange.query.get('version') ?? '';
  if (!/^\d{1,15}$/.test(text)) {
    throw new SwarmError('invalid_argument', `invalid ${kind} version '${text}': it must be a whole number`);
  }
  return Number(text);
}
