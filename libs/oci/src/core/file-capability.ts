/*
 * The value of the attribute `security.capability` (linux/capability.h): a version in the top byte of the first word,
 * little-endian. Version 2 counts for the host's root; version 3 ends with the root user of the namespace it counts for.
 */
const VERSION_MASK = 0xff000000;
const VERSION_2 = 0x02000000;
const VERSION_3 = 0x03000000;
const BYTES_2 = 20;
const BYTES_3 = 24;

/** File capabilities of an image as they must be written to count in a container whose root is `rootUid` on the host. */
export function capabilityToHost(value: Uint8Array, rootUid: number): Uint8Array {
  const word = versionOf(value);
  if (word === undefined || masked(word) !== VERSION_2 || value.length !== BYTES_2) {
    return value;
  }
  const out = Buffer.alloc(BYTES_3);
  out.set(value);
  out.writeUInt32LE(((word & ~VERSION_MASK) | VERSION_3) >>> 0, 0);
  out.writeUInt32LE(rootUid, BYTES_2);
  return out;
}

/** The reverse of {@link capabilityToHost}; what counts for another root stays as it is. */
export function capabilityToContainer(value: Uint8Array, rootUid: number): Uint8Array {
  const word = versionOf(value);
  if (word === undefined || masked(word) !== VERSION_3 || value.length !== BYTES_3) {
    return value;
  }
  if (Buffer.from(value).readUInt32LE(BYTES_2) !== rootUid) {
    return value;
  }
  const out = Buffer.from(value.subarray(0, BYTES_2));
  out.writeUInt32LE(((word & ~VERSION_MASK) | VERSION_2) >>> 0, 0);
  return out;
}

function versionOf(value: Uint8Array): number | undefined {
  return value.length < 4 ? undefined : Buffer.from(value).readUInt32LE(0);
}

function masked(word: number): number {
  return (word & VERSION_MASK) >>> 0;
}
