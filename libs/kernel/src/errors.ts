/**
 * Every way an operation can be refused, as one closed list. The same code is used in process, on the wire, in
 * problem+json bodies and in the CLI, so that a condition has one name wherever it is seen.
 */
export const ERROR_CODES = [
  'invalid_argument',
  'not_found',
  'already_exists',
  'name_conflict',
  'version_conflict',
  'failed_precondition',
  'permission_denied',
  'unauthenticated',
  'resource_exhausted',
  'too_large',
  'not_leader',
  'not_manager',
  'unavailable',
  'deadline_exceeded',
  'cancelled',
  'unimplemented',
  'data_loss',
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** How one {@link ErrorCode} shows on each face of the product. */
export interface ErrorFace {
  /** Status of the native REST API. */
  readonly httpStatus: number;
  /** Status of the Docker Engine API, where Docker's own choice differs. */
  readonly dockerStatus: number;
  /** Exit code of the `swarm` CLI. */
  readonly exitCode: number;
  /** Whether the same request may succeed later without any change. */
  readonly isRetryable: boolean;
  /** Short English title for people; the message carries the particulars. */
  readonly title: string;
}

type FaceRow = readonly [
  httpStatus: number,
  dockerStatus: number,
  exitCode: number,
  isRetryable: boolean,
  title: string,
];

const face = (...[httpStatus, dockerStatus, exitCode, isRetryable, title]: FaceRow): ErrorFace => ({
  httpStatus,
  dockerStatus,
  exitCode,
  isRetryable,
  title,
});

/** The one table of {@link ErrorFace}s. */
export const ERROR_FACES: Readonly<Record<ErrorCode, ErrorFace>> = {
  invalid_argument: face(400, 400, 2, false, 'Invalid input'),
  not_found: face(404, 404, 3, false, 'Not found'),
  already_exists: face(409, 409, 4, false, 'Already exists'),
  name_conflict: face(409, 409, 4, false, 'Name already in use'),
  version_conflict: face(409, 500, 5, true, 'Changed by someone else'),
  failed_precondition: face(412, 400, 6, false, 'Not possible in this state'),
  permission_denied: face(403, 403, 7, false, 'Permission denied'),
  unauthenticated: face(401, 401, 7, false, 'Sign-in required'),
  resource_exhausted: face(429, 503, 8, true, 'Limit reached'),
  too_large: face(413, 413, 2, false, 'Too large'),
  not_leader: face(503, 503, 9, true, 'Not the leader'),
  not_manager: face(503, 503, 9, false, 'Not a manager'),
  unavailable: face(503, 503, 9, true, 'Unavailable'),
  deadline_exceeded: face(504, 504, 9, true, 'Timed out'),
  cancelled: face(499, 499, 130, true, 'Cancelled'),
  unimplemented: face(501, 501, 10, false, 'Not supported'),
  data_loss: face(500, 500, 11, false, 'Data is damaged'),
  internal: face(500, 500, 1, false, 'Internal error'),
};

/** One field of the input that was refused. `path` is a JSON path such as `spec.ports[0].target`. */
export interface FieldError {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

export interface SwarmErrorOptions {
  readonly cause?: unknown;
  /** True when the caller may try the same again soon (agents then retry in the same state). */
  readonly temporary?: boolean;
  readonly fields?: readonly FieldError[];
  /** Machine-readable particulars, JSON values only. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * An operating error: something in the world (input, disk, network, another node) refused. `message` names the
 * field or object, the reason and, where there is one, the remedy; it is shown to people as it is.
 */
export class SwarmError extends Error {
  override readonly name = 'SwarmError';
  readonly code: ErrorCode;
  readonly temporary: boolean;
  readonly fields: readonly FieldError[];
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: SwarmErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.temporary = options.temporary ?? ERROR_FACES[code].isRetryable;
    this.fields = options.fields ?? [];
    this.details = options.details ?? {};
  }
}

/** True for a {@link SwarmError}, of `code` when one is given. */
export function isSwarmError(error: unknown, code?: ErrorCode): error is SwarmError {
  return error instanceof SwarmError && (code === undefined || error.code === code);
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The JSON form of an error on the wire between Skep's own processes. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly temporary: boolean;
  readonly fields?: readonly FieldError[];
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Turns anything thrown into an {@link ErrorRecord}; unknown errors become `internal`. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (!isSwarmError(error)) {
    return { code: 'internal', message: errorMessage(error), temporary: false };
  }
  return {
    code: error.code,
    message: error.message,
    temporary: error.temporary,
    ...(error.fields.length > 0 ? { fields: error.fields } : {}),
    ...(Object.keys(error.details).length > 0 ? { details: error.details } : {}),
  };
}

/** The reverse of {@link toErrorRecord}. */
export function fromErrorRecord(record: ErrorRecord): SwarmError {
  return new SwarmError(record.code, record.message, {
    temporary: record.temporary,
    ...(record.fields === undefined ? {} : { fields: record.fields }),
    ...(record.details === undefined ? {} : { details: record.details }),
  });
}

/** The answer of a pure decision: a value, or the reason why there is none. */
export type Result<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: SwarmError };

export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail(code: ErrorCode, message: string, options?: SwarmErrorOptions): Result<never> {
  return { ok: false, error: new SwarmError(code, message, options) };
}
