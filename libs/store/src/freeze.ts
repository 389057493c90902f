/**
 * Freezes a JSON-like value all the way down, so that a mistaken write to stored data throws at once instead of making
 * managers differ. Stops at what is frozen already; bytes cannot be frozen and are left.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || Object.isFrozen(value)) {
    return value;
  }
  Object.freeze(value);
  for (const child of Object.values(value)) {
    if (typeof child === 'object' && child !== null) {
      deepFreeze(child);
    }
  }
  return value;
}
