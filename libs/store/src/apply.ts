import { SwarmError, assertNever, isSwarmError } from '@skep/kernel';
import type { HistoryEntry, Task } from '@skep/model';

import { type Entry, type SetAction, type StoreAction, type UnknownAction } from './entry.ts';
import { deepFreeze } from './freeze.ts';
import { KIND_TITLES, type Kind, type ObjectOf } from './objects.ts';
import { Overlay, assertWhen, outOfSequence, withFields } from './overlay.ts';
import { assertReferences } from './references.ts';
import type { AnyObject, StoreState } from './state.ts';

/** One object that an applied entry changed; `kind` tells the type of `new` and `old`. */
export type StoreEvent = { [K in Kind]: StoreEventOf<K> }[Kind];

export interface StoreEventOf<K extends Kind> {
  readonly kind: K;
  readonly op: 'create' | 'update' | 'remove';
  readonly id: string;
  /** Absent after a removal. */
  readonly new?: ObjectOf[K];
  /** Absent for a new object. */
  readonly old?: ObjectOf[K];
}

/** What applying one log entry did. A refused entry changed nothing but the log index. */
export interface AppliedEntry {
  readonly logIndex: number;
  /** '' for log entries that carry nothing for the store. */
  readonly entryId: string;
  readonly requestId?: string;
  readonly error?: SwarmError;
  readonly events: readonly StoreEvent[];
  readonly history: readonly HistoryEntry[];
}

/**
 * Applies an entry: the same bytes at the same index have the same effect on every manager. Conditions that no longer
 * hold make it refuse the whole entry.
 * @throws SwarmError `unimplemented` for an action of a newer version that must not be passed over: this manager has
 *   to stop, or it would differ from the others.
 */
export function applyEntry(state: StoreState, entry: Entry, logIndex: number): AppliedEntry {
  const header = {
    logIndex,
    entryId: entry.id,
    ...(entry.requestId === undefined ? {} : { requestId: entry.requestId }),
  };
  const duplicate = state.recent.get(entry.id);
  if (duplicate !== undefined) {
    state.logIndex = logIndex;
    return duplicate.isOk ? { ...header, events: [], history: [] } : refused(header, alreadyRefused());
  }
  const overlay = new Overlay(state, entry.atMs);
  try {
    entry.actions.forEach((action) => applyAction(overlay, action));
    assertReferences(overlay, overlay.touches());
  } catch (error) {
    if (!isSwarmError(error) || error.code === 'unimplemented') {
      throw error;
    }
    state.logIndex = logIndex;
    state.remember({ id: entry.id, logIndex, isOk: false });
    return refused(header, error);
  }
  const events = commit(state, overlay, logIndex);
  const history = (entry.history ?? []).map((record, seq) =>
    deepFreeze({ id: historyId(logIndex, seq), logIndex, seq, record }),
  );
  state.appendHistory(history);
  if (overlay.trimUpTo !== undefined) {
    state.trimHistory(overlay.trimUpTo);
  }
  state.logIndex = logIndex;
  state.remember({ id: entry.id, logIndex, isOk: true });
  return { ...header, events, history };
}

/** Sorts by log index and sequence as text. */
function historyId(logIndex: number, seq: number): string {
  return `${String(logIndex).padStart(16, '0')}.${String(seq).padStart(4, '0')}`;
}

function alreadyRefused(): SwarmError {
  return new SwarmError('version_conflict', 'the same change was proposed before and refused');
}

function refused(header: Pick<AppliedEntry, 'logIndex' | 'entryId'>, error: SwarmError): AppliedEntry {
  return { ...header, error, events: [], history: [] };
}

function applyAction(overlay: Overlay, action: StoreAction | UnknownAction): void {
  switch (action.op) {
    case 'put':
      if (overlay.get(action.k, action.o.id) !== undefined) {
        throw new SwarmError('already_exists', `${KIND_TITLES[action.k]} ${action.o.id} already exists`);
      }
      overlay.put(action.k, action.o);
      return;
    case 'set':
      applySet(overlay, action);
      return;
    case 'status':
      overlay.setTaskStatus(action.id, action.s);
      return;
    case 'del':
      if (!overlay.remove(action.k, action.id, versionOf(action)) && action.ver !== undefined) {
        throw new SwarmError('not_found', `${KIND_TITLES[action.k]} ${action.id} not found`);
      }
      return;
    case 'trim':
      overlay.trimHistory(action.upTo);
      return;
    case 'unknown':
      if (!action.isIgnorable) {
        throw new SwarmError(
          'unimplemented',
          `log entry has action ${action.k}.${action.name}, which this manager does not know; upgrade it`,
        );
      }
      return;
    default:
      assertNever(action, 'store action');
  }
}

function versionOf(action: { readonly ver?: number }): { readonly version?: number } {
  return action.ver === undefined ? {} : { version: action.ver };
}

function applySet(overlay: Overlay, action: SetAction): void {
  const current: AnyObject | undefined = overlay.get(action.k, action.id);
  if (current === undefined) {
    throw new SwarmError('not_found', `${KIND_TITLES[action.k]} ${action.id} not found`);
  }
  if (action.ver !== undefined && action.ver !== current.version) {
    throw outOfSequence(action.k, action.id, action.ver, current.version);
  }
  assertWhen(action.k, current, action.when);
  const removed = Object.fromEntries((action.u ?? []).map((field) => [field, undefined]));
  overlay.put(action.k, deepFreeze(withFields(current, { ...action.f, ...removed })));
}

/** Moves the overlay's changes into the state: all claims that end before all that begin. */
function commit(state: StoreState, overlay: Overlay, logIndex: number): StoreEvent[] {
  const events: StoreEvent[] = [];
  for (const { kind, id, base, next } of overlay.touches()) {
    if (next === base) {
      continue;
    }
    if (next === undefined) {
      if (base !== undefined) {
        events.push({ kind, op: 'remove', id, old: base } as StoreEvent);
      }
      continue;
    }
    const stored = stamp(state, { kind, base, next, logIndex, nowMs: overlay.nowMs });
    events.push(
      (base === undefined
        ? { kind, op: 'create', id, new: stored }
        : { kind, op: 'update', id, new: stored, old: base }) as StoreEvent,
    );
  }
  events.forEach((event) => state.releaseClaims(event.kind, event.old, event.new));
  for (const event of events) {
    state.acquireClaims(event.kind, event.old, event.new);
    state.replace(event.kind, event.id, event.new);
  }
  return events;
}

interface Stamp {
  readonly kind: Kind;
  readonly base: AnyObject | undefined;
  readonly next: AnyObject;
  readonly logIndex: number;
  readonly nowMs: number;
}

function stamp(state: StoreState, { kind, base, next, logIndex, nowMs }: Stamp): AnyObject {
  const stored = { ...next, version: logIndex, updatedAtMs: nowMs };
  stored.createdAtMs = base?.createdAtMs ?? nowMs;
  if (base === undefined && kind === 'task') {
    (stored as Task).spec = state.sharedTaskSpec(stored as Task);
  }
  return deepFreeze(stored);
}
