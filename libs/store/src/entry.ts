import { SwarmError, decodeCbor, encodeCbor } from '@skep/kernel';
import type { HistoryRecord, TaskStatus } from '@skep/model';

import { deepFreeze } from './freeze.ts';
import { isKind, type Kind } from './objects.ts';
import type { AnyObject } from './state.ts';
import type { Scalar } from './tx.ts';

/** Most changes in one entry, as in Swarm; a larger plan is split. */
export const ENTRY_CHANGES_MAX = 200;

/** Largest encoded entry. */
export const ENTRY_BYTES_MAX = 1.5 * 1024 * 1024;

/** Version of the entry format. */
const ENTRY_VERSION = 1;

/** Adds an object. */
export interface PutAction {
  readonly op: 'put';
  readonly k: Kind;
  readonly o: AnyObject;
}

/** Sets fields of an object: all of `f`, without those named in `u`, if `ver` and `when` hold. */
export interface SetAction {
  readonly op: 'set';
  readonly k: Kind;
  readonly id: string;
  readonly f: Readonly<Record<string, unknown>>;
  readonly u?: readonly string[];
  readonly ver?: number;
  readonly when?: Readonly<Record<string, Scalar>>;
}

/** Moves a task's status forward; does nothing when the task is gone or further already. */
export interface StatusAction {
  readonly op: 'status';
  readonly k: 'task';
  readonly id: string;
  readonly s: TaskStatus;
}

/** Removes an object; does nothing when it is gone and no `ver` was asked for. */
export interface DeleteAction {
  readonly op: 'del';
  readonly k: Kind;
  readonly id: string;
  readonly ver?: number;
}

/** Drops history records up to a log index. */
export interface TrimAction {
  readonly op: 'trim';
  readonly k: 'history';
  readonly upTo: number;
}

/**
 * An action that this version does not know. A newer manager marks with `ign` what older ones may pass over; anything
 * else stops them, because they would differ from then on.
 */
export interface UnknownAction {
  readonly op: 'unknown';
  readonly k: string;
  readonly name: string;
  readonly isIgnorable: boolean;
}

export type StoreAction = PutAction | SetAction | StatusAction | DeleteAction | TrimAction;

/** One proposal to Raft: applied wholly or not at all. */
export interface Entry {
  readonly v: 1;
  /** Id of the proposal; an entry with the id of an applied one does nothing. */
  readonly id: string;
  readonly requestId?: string;
  /** Proposer's time: creation and update time of what the entry touches. */
  readonly atMs: number;
  readonly actions: readonly (StoreAction | UnknownAction)[];
  readonly history?: readonly HistoryRecord[];
}

type Wire = Record<string, unknown>;

/**
 * Encodes an entry as canonical CBOR. Values that several new objects share (the spec of the tasks of a service) are
 * written once.
 */
export function encodeEntry(entry: Entry): Uint8Array {
  const shared = new SharedValues(entry.actions);
  const wire: Wire = {
    v: ENTRY_VERSION,
    id: entry.id,
    atMs: entry.atMs,
    actions: entry.actions.map((action) => (action.op === 'put' ? shared.encodePut(action) : action)),
  };
  if (entry.requestId !== undefined) {
    wire['requestId'] = entry.requestId;
  }
  if (shared.values.length > 0) {
    wire['shared'] = shared.values;
  }
  if (entry.history !== undefined && entry.history.length > 0) {
    wire['history'] = entry.history;
  }
  const bytes = encodeCbor(wire);
  if (bytes.byteLength > ENTRY_BYTES_MAX) {
    throw new SwarmError(
      'too_large',
      `the change is ${String(bytes.byteLength)} bytes; one change may have ${String(ENTRY_BYTES_MAX)}`,
    );
  }
  return bytes;
}

/** Object-valued fields that occur in more than one put of an entry, by identity. */
class SharedValues {
  readonly values: unknown[] = [];
  readonly #counts = new Map<object, number>();
  readonly #indexes = new Map<object, number>();

  constructor(actions: Entry['actions']) {
    for (const action of actions) {
      if (action.op !== 'put') {
        continue;
      }
      for (const value of Object.values(action.o)) {
        if (isShareable(value)) {
          this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
        }
      }
    }
  }

  encodePut(action: PutAction): Wire {
    const object: Wire = {};
    const refs: Record<string, number> = {};
    for (const [field, value] of Object.entries(action.o)) {
      if (isShareable(value) && (this.#counts.get(value) ?? 0) > 1) {
        refs[field] = this.#indexOf(value);
      } else {
        object[field] = value;
      }
    }
    return { op: 'put', k: action.k, o: object, ...(Object.keys(refs).length > 0 ? { r: refs } : {}) };
  }

  #indexOf(value: object): number {
    let index = this.#indexes.get(value);
    if (index === undefined) {
      index = this.values.length;
      this.values.push(value);
      this.#indexes.set(value, index);
    }
    return index;
  }
}

function isShareable(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}

/**
 * Decodes an entry. Objects inside are trusted to fit the model: only managers write entries, and they validate what
 * comes from outside. The form of the entry itself is checked.
 * @throws SwarmError `data_loss` when it is not an entry, `unimplemented` when its format is newer.
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  const wire = asRecord(decodeCbor(bytes), 'entry');
  if (wire['v'] !== ENTRY_VERSION) {
    throw new SwarmError(
      'unimplemented',
      `log entry has format ${String(wire['v'])}, this manager knows ${String(ENTRY_VERSION)}; upgrade it`,
    );
  }
  const { id, atMs, actions, requestId, history } = wire;
  if (typeof id !== 'string' || typeof atMs !== 'number' || !Array.isArray(actions)) {
    throw damaged('entry has no id, time or actions');
  }
  const shared = deepFreeze(Array.isArray(wire['shared']) ? (wire['shared'] as unknown[]) : []);
  return {
    v: 1,
    id,
    atMs,
    actions: actions.map((action: unknown) => decodeAction(asRecord(action, 'action'), shared)),
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...(Array.isArray(history) ? { history: deepFreeze(history as HistoryRecord[]) } : {}),
  };
}

function decodeAction(wire: Wire, shared: readonly unknown[]): StoreAction | UnknownAction {
  const { op, k, id } = wire;
  if (typeof op !== 'string' || typeof k !== 'string') {
    throw damaged('action has no operation or kind');
  }
  if (op === 'trim' && k === 'history' && typeof wire['upTo'] === 'number') {
    return { op, k, upTo: wire['upTo'] };
  }
  if (!isKind(k) || !['put', 'set', 'status', 'del'].includes(op)) {
    return { op: 'unknown', k, name: op, isIgnorable: wire['ign'] === true };
  }
  if (op === 'put') {
    return { op, k, o: decodePut(wire, shared) };
  }
  if (typeof id !== 'string') {
    throw damaged('action names no object');
  }
  if (op === 'status') {
    return { op, k: 'task', id, s: deepFreeze(asRecord(wire['s'], 'status')) as unknown as TaskStatus };
  }
  const ver = typeof wire['ver'] === 'number' ? { ver: wire['ver'] } : {};
  if (op === 'del') {
    return { op, k, id, ...ver };
  }
  return {
    op: 'set',
    k,
    id,
    f: deepFreeze(asRecord(wire['f'], 'fields')),
    ...(Array.isArray(wire['u']) ? { u: wire['u'] as string[] } : {}),
    ...ver,
    ...(wire['when'] === undefined
      ? {}
      : { when: asRecord(wire['when'], 'condition') as Record<string, Scalar> }),
  };
}

function decodePut(wire: Wire, shared: readonly unknown[]): AnyObject {
  const object = asRecord(wire['o'], 'object');
  for (const [field, index] of Object.entries(asRecord(wire['r'] ?? {}, 'references'))) {
    if (typeof index !== 'number' || index >= shared.length) {
      throw damaged(`object refers to shared value ${String(index)}`);
    }
    object[field] = shared[index];
  }
  if (typeof object['id'] !== 'string') {
    throw damaged('object has no id');
  }
  return deepFreeze(object) as unknown as AnyObject;
}

function asRecord(value: unknown, what: string): Wire {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
    throw damaged(`${what} is not a map`);
  }
  return value as Wire;
}

function damaged(what: string): SwarmError {
  return new SwarmError('data_loss', `log entry is damaged: ${what}`);
}
