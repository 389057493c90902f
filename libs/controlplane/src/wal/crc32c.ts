/** Reversed Castagnoli polynomial. */
const POLYNOMIAL = 0x82f63b78;

/** Eight tables, so that eight bytes are taken at a time ("slicing-by-8"; Kounavis and Berry, Intel, 2005). */
const TABLES = makeTables();

function makeTables(): readonly Uint32Array[] {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
  const first = tables[0] ?? new Uint32Array(256);
  for (let i = 0; i < 256; i += 1) {
    let value = i;
    for (let bit = 0; bit < 8; bit += 1) {
      value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    }
    first[i] = value >>> 0;
  }
  for (let t = 1; t < 8; t += 1) {
    const before = tables[t - 1] ?? first;
    const table = tables[t] ?? first;
    for (let i = 0; i < 256; i += 1) {
      const value = before[i] ?? 0;
      table[i] = ((value >>> 8) ^ (first[value & 0xff] ?? 0)) >>> 0;
    }
  }
  return tables;
}

const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

/** The byte at `i`; the callers stay inside. */
function at(table: Uint8Array | Uint32Array, i: number): number {
  return table[i] ?? 0;
}

/** CRC-32C (RFC 3720, appendix B.4) of `bytes`, going on from `seed` when the data comes in parts. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed;
  let i = 0;
  for (; i + 8 <= bytes.length; i += 8) {
    const low =
      crc ^ (at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24));
    crc =
      at(T7, low & 0xff) ^
      at(T6, (low >>> 8) & 0xff) ^
      at(T5, (low >>> 16) & 0xff) ^
      at(T4, low >>> 24) ^
      at(T3, at(bytes, i + 4)) ^
      at(T2, at(bytes, i + 5)) ^
      at(T1, at(bytes, i + 6)) ^
      at(T0, at(bytes, i + 7));
  }
  for (; i < bytes.length; i += 1) {
    crc = (crc >>> 8) ^ at(T0, (crc ^ at(bytes, i)) & 0xff);
  }
  return ~crc >>> 0;
}
