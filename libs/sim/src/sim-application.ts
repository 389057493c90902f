import type { Entry, Snapshot } from '@skep/raft';

/** A state machine that is as small as one can be and still tell every difference: a chained digest of its inputs. */
export class SimApplication {
  #logIndex = 0;
  #digest = 0;

  get logIndex(): number {
    return this.#logIndex;
  }

  /** Digest of everything applied so far. */
  get digest(): number {
    return this.#digest;
  }

  apply(entry: Entry): void {
    this.#logIndex = entry.logIndex;
    this.#digest = mix(this.#digest, entryDigest(entry));
  }

  snapshot(): Uint8Array {
    const data = new Uint8Array(16);
    const view = new DataView(data.buffer);
    view.setFloat64(0, this.#logIndex);
    view.setUint32(8, this.#digest);
    return data;
  }

  restore(snapshot: Snapshot): void {
    const { data } = snapshot;
    const view = new DataView(data.buffer, data.byteOffset);
    this.#logIndex = view.getFloat64(0);
    this.#digest = view.getUint32(8);
  }
}

/** FNV-1a of an entry's place, term and data. */
export function entryDigest(entry: Entry): number {
  let hash = mix(mix(0x811c9dc5, entry.logIndex), entry.term);
  for (const byte of entry.data) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

function mix(hash: number, value: number): number {
  let mixed = hash;
  for (let rest = value, i = 0; i < 4; i += 1, rest = Math.floor(rest / 256)) {
    mixed = Math.imul(mixed ^ (rest & 0xff), 0x01000193);
  }
  return mixed >>> 0;
}
