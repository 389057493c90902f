import { SwarmError } from '@skep/kernel';

/** What a command needs besides the transaction and its input. Time is the transaction's. */
export interface ControlEnv {
  /** A new 25-character object id. */
  readonly newId: () => string;
}

/** The refusal of one field. `path` is a JSON path inside the request. */
export function invalidField(path: string, message: string, code = 'invalid'): SwarmError {
  return new SwarmError('invalid_argument', message, { fields: [{ path, code, message }] });
}

/**
 * Checks the version that a client based its change on; undefined means it does not care.
 * @throws SwarmError `version_conflict` "update out of sequence".
 */
export function assertVersion(
  object: { readonly id: string; readonly version: number },
  version?: number,
): void {
  if (version !== undefined && version !== object.version) {
    throw new SwarmError('version_conflict', 'update out of sequence', {
      details: { id: object.id, expectedVersion: version, currentVersion: object.version },
    });
  }
}
