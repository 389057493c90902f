declare const brand: unique symbol;

/** A string that the type system keeps apart from others: `Brand<string, 'TaskId'>`. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Source of random bytes. Shells pass the system's; simulations a seeded one. */
export type RandomBytes = (count: number) => Uint8Array;

/** Length of an object id: 25 characters of base 36 hold 128 random bits, as in Swarm. */
export const OBJECT_ID_LENGTH = 25;

const OBJECT_ID_PATTERN = /^[0-9a-z]{25}$/;

/** A new 25-character base-36 id made from 16 random bytes (Swarm's identity format, which Docker's clients expect). */
export function newObjectId(randomBytes: RandomBytes): string {
  let value = 0n;
  for (const byte of randomBytes(16)) {
    value = (value << 8n) | BigInt(byte);
  }
  return value.toString(36).padStart(OBJECT_ID_LENGTH, '0').slice(-OBJECT_ID_LENGTH);
}

/** Whether `text` has the form of an object id. */
export function isObjectId(text: string): boolean {
  return OBJECT_ID_PATTERN.test(text);
}

/** A new 64-digit hexadecimal id, as Docker gives containers. */
export function newHexId(randomBytes: RandomBytes): string {
  return Array.from(randomBytes(32), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
