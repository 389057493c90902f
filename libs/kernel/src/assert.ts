/**
 * A broken invariant: a bug in Skep, never a condition of the outside world. It is not caught anywhere but at the
 * top of a process, which logs it and exits with {@link INVARIANT_EXIT_CODE} so that a supervisor starts it clean.
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Exit code of a process that stopped because an invariant did not hold (sysexits: EX_SOFTWARE). */
export const INVARIANT_EXIT_CODE = 70;

/** Throws an {@link InvariantError} when `condition` is false. For programmer errors only; bad input is a `SwarmError`. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) {
    throw new InvariantError(message);
  }
}

/** Marks a branch that the type system proves unreachable; reaching it at run time is an invariant failure. */
export function assertNever(value: never, what: string): never {
  throw new InvariantError(`unexpected ${what}: ${JSON.stringify(value)}`);
}

/** Returns `value` when it is there, throws an {@link InvariantError} when it is null or undefined. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) {
    throw new InvariantError(`${what} is missing`);
  }
  return value;
}
