export { assert, assertNever, present, InvariantError, INVARIANT_EXIT_CODE } from './assert.ts';
export { BoundedQueue } from './bounded-queue.ts';
export { ManualClock, type Clock, type TimestampMs } from './clock.ts';
export { decodeCbor, encodeCbor } from './codec.ts';
export { isDeepEqual } from './deep-equal.ts';
export { sha256Hex, toHex } from './digest.ts';
export {
  ERROR_CODES,
  ERROR_FACES,
  SwarmError,
  errorMessage,
  fail,
  fromErrorRecord,
  isSwarmError,
  ok,
  toErrorRecord,
  type ErrorCode,
  type ErrorFace,
  type ErrorRecord,
  type FieldError,
  type Result,
  type SwarmErrorOptions,
} from './errors.ts';
export { OBJECT_ID_LENGTH, isObjectId, newHexId, newObjectId, type Brand, type RandomBytes } from './ids.ts';
export { Prng } from './prng.ts';
export { every, type Timers } from './timers.ts';
export { formatBytes, formatDurationMs, parseBytes, parseDurationMs } from './units.ts';
