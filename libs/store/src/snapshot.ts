import { SwarmError, decodeCbor, encodeCbor, sha256Hex } from '@skep/kernel';
import type { HistoryEntry, Task } from '@skep/model';

import { deepFreeze } from './freeze.ts';
import { KINDS, isKind, type Kind } from './objects.ts';
import { StoreState, type AnyObject, type RecentEntry } from './state.ts';

/** Version of the snapshot format. */
const SNAPSHOT_VERSION = 1;

/** Objects in one part, so that a long snapshot can be written piece by piece. */
const PART_OBJECTS_MAX = 2000;

/** A state caught at one log index. Objects are immutable, so the store can go on while this is encoded. */
export interface StateImage {
  readonly logIndex: number;
  /** Encodes part by part; the same state always gives the same bytes. */
  parts(): Iterable<Uint8Array>;
}

/** Catches the state; costs one list per table, the encoding comes later. */
export function captureState(state: StoreState): StateImage {
  const tables = KINDS.map((kind) => ({ kind, objects: [...state.tables[kind].values()] as AnyObject[] }));
  const history = state.history.slice();
  const recent = [...state.recent.values()];
  const { logIndex } = state;
  return {
    logIndex,
    *parts() {
      yield frame(encodeCbor({ v: SNAPSHOT_VERSION, t: 'head', logIndex }));
      const specs = new SpecTable();
      for (const { kind, objects } of tables) {
        objects.sort((a, b) => (a.id < b.id ? -1 : 1));
        for (let start = 0; start < objects.length; start += PART_OBJECTS_MAX) {
          const part = objects.slice(start, start + PART_OBJECTS_MAX);
          yield frame(encodeCbor({ t: 'table', k: kind, o: part.map((object) => specs.pack(kind, object)) }));
        }
      }
      yield frame(encodeCbor({ t: 'specs', s: specs.encoded }));
      yield frame(encodeCbor({ t: 'tail', history, recent }));
    },
  };
}

/** Task specs by content, each written once. */
class SpecTable {
  readonly encoded: Uint8Array[] = [];
  readonly #byIdentity = new WeakMap<object, number>();
  readonly #byContent = new Map<string, number>();

  pack(kind: Kind, object: AnyObject): unknown {
    if (kind !== 'task') {
      return object;
    }
    const { spec, ...rest } = object as Task;
    let index = this.#byIdentity.get(spec);
    if (index === undefined) {
      const bytes = encodeCbor(spec);
      const key = sha256Hex(bytes);
      index = this.#byContent.get(key);
      if (index === undefined) {
        index = this.encoded.length;
        this.encoded.push(bytes);
        this.#byContent.set(key, index);
      }
      this.#byIdentity.set(spec, index);
    }
    return { ...rest, spec: index };
  }
}

function frame(bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(4 + bytes.byteLength);
  new DataView(framed.buffer).setUint32(0, bytes.byteLength);
  framed.set(bytes, 4);
  return framed;
}

/** The parts of a snapshot in one piece. */
export function joinParts(parts: Iterable<Uint8Array>): Uint8Array {
  const list = [...parts];
  const joined = new Uint8Array(list.reduce((size, part) => size + part.byteLength, 0));
  let offset = 0;
  for (const part of list) {
    joined.set(part, offset);
    offset += part.byteLength;
  }
  return joined;
}

/**
 * Builds a state from a snapshot.
 * @throws SwarmError `data_loss` when it is damaged, `unimplemented` when its format is newer.
 */
export function restoreState(bytes: Uint8Array): StoreState {
  const state = new StoreState();
  const parts = [...readParts(bytes)];
  const head = parts[0];
  if (head?.['t'] !== 'head' || typeof head['logIndex'] !== 'number') {
    throw damaged('it has no head');
  }
  if (head['v'] !== SNAPSHOT_VERSION) {
    throw new SwarmError(
      'unimplemented',
      `snapshot has format ${String(head['v'])}, this manager knows ${String(SNAPSHOT_VERSION)}; upgrade it`,
    );
  }
  const tail = parts.find((part) => part['t'] === 'tail');
  if (tail === undefined || !Array.isArray(tail['history']) || !Array.isArray(tail['recent'])) {
    throw damaged('it ends too early');
  }
  const specs = decodeSpecs(parts.find((part) => part['t'] === 'specs'));
  state.logIndex = head['logIndex'];
  for (const part of parts) {
    // A newer manager marks tables that older ones may do without, as it marks actions.
    const isPassedOver = part['ign'] === true && !(typeof part['k'] === 'string' && isKind(part['k']));
    if (part['t'] === 'table' && Array.isArray(part['o']) && !isPassedOver) {
      restoreTable(state, part['k'], part['o'], specs);
    }
  }
  state.appendHistory(deepFreeze(tail['history'] as HistoryEntry[]));
  (tail['recent'] as RecentEntry[]).forEach((entry) => state.remember(entry));
  return state;
}

function restoreTable(state: StoreState, kind: unknown, objects: unknown[], specs: readonly unknown[]): void {
  if (typeof kind !== 'string' || !isKind(kind)) {
    throw new SwarmError(
      'unimplemented',
      `snapshot has objects of the kind ${String(kind)}, which this manager does not know; upgrade it`,
    );
  }
  for (const packed of objects) {
    const object = packed as AnyObject;
    if (kind === 'task') {
      const spec = specs[(packed as { spec: number }).spec];
      if (spec === undefined) {
        throw damaged(`task ${object.id} has no spec`);
      }
      (object as Task).spec = spec as Task['spec'];
    }
    deepFreeze(object);
    state.acquireClaims(kind, undefined, object);
    state.replace(kind, object.id, object);
  }
}

function decodeSpecs(part: Readonly<Record<string, unknown>> | undefined): readonly unknown[] {
  if (part === undefined || !Array.isArray(part['s'])) {
    throw damaged('it has no task specs');
  }
  return (part['s'] as Uint8Array[]).map((bytes) => deepFreeze(decodeCbor(bytes)));
}

function* readParts(bytes: Uint8Array): Iterable<Readonly<Record<string, unknown>>> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  while (offset < bytes.byteLength) {
    const size = offset + 4 <= bytes.byteLength ? view.getUint32(offset) : Number.POSITIVE_INFINITY;
    if (offset + 4 + size > bytes.byteLength) {
      throw damaged('it ends in the middle of a part');
    }
    yield decodeCbor(bytes.subarray(offset + 4, offset + 4 + size)) as Readonly<Record<string, unknown>>;
    offset += 4 + size;
  }
}

function damaged(what: string): SwarmError {
  return new SwarmError('data_loss', `snapshot is damaged: ${what}`);
}
