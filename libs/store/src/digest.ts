import { encodeCbor, sha256Hex } from '@skep/kernel';
import type { HistoryEntry } from '@skep/model';

import type { StoreEvent } from './apply.ts';
import { KINDS, type Kind } from './objects.ts';
import type { AnyObject, StoreState } from './state.ts';

/**
 * What is digested and how. A newer version, whose state holds more (actions that this one passes over), has another
 * number: then the two are not compared.
 */
const DIGEST_VERSION = 1;

const MODULUS = 2 ** 48;

/**
 * A digest of the whole state, kept up by hashing only what changed: the sum of the hashes of all objects (a multiset
 * hash), so that neither order nor history matters. For telling managers apart by accident, not against an adversary.
 */
export class StateDigest {
  #low = 0;
  #high = 0;
  /** Objects changed since the last digest, as they were in it (undefined: not there). */
  #dirty = new Map<
    string,
    { readonly kind: Kind; readonly id: string; readonly was: AnyObject | undefined }
  >();
  readonly #specHashes = new WeakMap<object, string>();

  note(events: readonly StoreEvent[]): void {
    for (const { kind, id, old } of events) {
      const key = `${kind}/${id}`;
      if (!this.#dirty.has(key)) {
        this.#dirty.set(key, { kind, id, was: old });
      }
    }
  }

  /** Forgets everything and takes the state as it is. */
  reset(state: StoreState): void {
    this.#low = 0;
    this.#high = 0;
    this.#dirty = new Map();
    for (const kind of KINDS) {
      for (const id of state.tables[kind].keys()) {
        this.#dirty.set(`${kind}/${id}`, { kind, id, was: undefined });
      }
    }
  }

  /** Hexadecimal digest of the state at its log index. */
  value(state: StoreState): string {
    for (const { kind, id, was } of this.#dirty.values()) {
      const is = state.get(kind, id);
      if (was !== undefined) {
        this.#add(kind, was, -1);
      }
      if (is !== undefined) {
        this.#add(kind, is, 1);
      }
    }
    this.#dirty = new Map();
    const tail = sha256Hex(
      encodeCbor([state.logIndex, historyKey(state.history), [...state.recent.values()].at(-1) ?? null]),
    );
    return `${String(DIGEST_VERSION)}.${hex48(this.#high)}${hex48(this.#low)}${tail.slice(0, 16)}`;
  }

  #add(kind: Kind, object: AnyObject, sign: 1 | -1): void {
    const hash = sha256Hex(encodeCbor([kind, this.#withSpecHash(object)]));
    this.#low = (this.#low + sign * Number.parseInt(hash.slice(0, 12), 16) + MODULUS) % MODULUS;
    this.#high = (this.#high + sign * Number.parseInt(hash.slice(12, 24), 16) + MODULUS) % MODULUS;
  }

  /** Tasks share their spec: its hash is made once. */
  #withSpecHash(object: AnyObject): unknown {
    if (!('spec' in object)) {
      return object;
    }
    let hash = this.#specHashes.get(object.spec);
    if (hash === undefined) {
      hash = sha256Hex(encodeCbor(object.spec));
      this.#specHashes.set(object.spec, hash);
    }
    return { ...object, spec: hash };
  }
}

/** Number of objects and digest of their content, by table. */
export function digestTables(state: StoreState): Readonly<Record<string, string>> {
  return Object.fromEntries(
    KINDS.map((kind) => {
      const objects = [...state.tables[kind].values()] as AnyObject[];
      objects.sort((a, b) => (a.id < b.id ? -1 : 1));
      const hashes = objects.map((object) => sha256Hex(encodeCbor(object)));
      return [kind, `${String(objects.length)}:${sha256Hex(encodeCbor(hashes)).slice(0, 24)}`];
    }),
  );
}

function historyKey(history: readonly HistoryEntry[]): readonly unknown[] {
  return [history.length, history[0]?.id ?? '', history.at(-1)?.id ?? ''];
}

function hex48(value: number): string {
  return value.toString(16).padStart(12, '0');
}
