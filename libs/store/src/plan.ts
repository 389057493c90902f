import { SwarmError, isDeepEqual } from '@skep/kernel';
import type { HistoryRecord, Task } from '@skep/model';

import { ENTRY_CHANGES_MAX, type Entry, type SetAction, type StoreAction } from './entry.ts';
import type { Overlay, Touch } from './overlay.ts';
import type { AnyObject } from './state.ts';
import type { Scalar } from './tx.ts';

/** What a planned change came to. Nothing is changed until its entry is committed and applied. */
export interface Planned<T> {
  readonly value: T;
  readonly actions: readonly StoreAction[];
  readonly history: readonly HistoryRecord[];
  /** Proposer's time of the plan. */
  readonly nowMs: number;
}

/** Fields that the store sets by itself. */
const META_FIELDS: ReadonlySet<string> = new Set(['id', 'version', 'createdAtMs', 'updatedAtMs']);
/** Task fields that follow from its status. */
const STATUS_FIELDS: ReadonlySet<string> = new Set(['status', 'startedAtMs', 'endedAtMs']);

/** Order of actions in an entry: what gives up names and addresses comes before what takes them. */
const OP_ORDER: Readonly<Record<StoreAction['op'], number>> = { del: 0, status: 1, set: 2, put: 3, trim: 4 };

/** The actions that make an overlay's changes. */
export function compileActions(overlay: Overlay): StoreAction[] {
  const actions: StoreAction[] = [];
  for (const touch of overlay.touches()) {
    compileTouch(touch, actions);
  }
  if (overlay.trimUpTo !== undefined) {
    actions.push({ op: 'trim', k: 'history', upTo: overlay.trimUpTo });
  }
  return actions
    .map((action, position) => ({ action, position }))
    .sort((a, b) => OP_ORDER[a.action.op] - OP_ORDER[b.action.op] || a.position - b.position)
    .map(({ action }) => action);
}

function compileTouch(touch: Touch, actions: StoreAction[]): void {
  const { kind, id, base, next, version } = touch;
  if (base === undefined) {
    if (next !== undefined) {
      actions.push({ op: 'put', k: kind, o: next });
    }
    return;
  }
  const ver = version === undefined ? {} : { ver: version };
  if (next === undefined) {
    actions.push({ op: 'del', k: kind, id, ...ver });
    return;
  }
  if (touch.isStatusMoved === true && kind === 'task') {
    actions.push({ op: 'status', k: 'task', id, s: (next as Task).status });
  }
  const set = compileSet(touch, base, next);
  if (set !== undefined) {
    actions.push({ ...set, ...ver });
  }
}

function compileSet(touch: Touch, base: AnyObject, next: AnyObject): SetAction | undefined {
  const before = base as unknown as Readonly<Record<string, unknown>>;
  const after = next as unknown as Readonly<Record<string, unknown>>;
  const isOmitted = (field: string): boolean =>
    META_FIELDS.has(field) || (touch.isStatusMoved === true && STATUS_FIELDS.has(field));
  const fields: Record<string, unknown> = {};
  const unset: string[] = [];
  const when: Record<string, Scalar> = { ...touch.when };
  for (const field of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[field], after[field]];
    if (isOmitted(field) || isDeepEqual(was, is)) {
      continue;
    }
    if (is === undefined) {
      unset.push(field);
    } else {
      fields[field] = is;
    }
    if (touch.version === undefined && (was === undefined || typeof was !== 'object') && !isBulky(is)) {
      when[field] = (was ?? null) as Scalar;
    }
  }
  if (Object.keys(fields).length === 0 && unset.length === 0) {
    return undefined;
  }
  return {
    op: 'set',
    k: touch.kind,
    id: touch.id,
    f: fields,
    ...(unset.length > 0 ? { u: unset } : {}),
    ...(Object.keys(when).length > 0 ? { when } : {}),
  };
}

/** Whether a field holds a structure: those have one writer each and are not compared. */
function isBulky(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

export interface EntryIdentity {
  readonly newId: () => string;
  readonly requestId?: string;
}

/**
 * The entries that carry a plan: at most {@link ENTRY_CHANGES_MAX} changes each. Only for plans whose parts make sense
 * alone, as those of the control loops do. History records travel in the first entry.
 */
export function toEntries(planned: Planned<unknown>, identity: EntryIdentity): Entry[] {
  const entries: Entry[] = [];
  for (let start = 0; start < planned.actions.length || entries.length === 0; start += ENTRY_CHANGES_MAX) {
    const actions = planned.actions.slice(start, start + ENTRY_CHANGES_MAX);
    const history = start === 0 ? planned.history : [];
    if (actions.length === 0 && history.length === 0) {
      break;
    }
    entries.push(toOneEntry({ ...planned, actions, history }, identity));
  }
  return entries;
}

/**
 * The one entry that carries a plan.
 * @throws SwarmError `too_large` over {@link ENTRY_CHANGES_MAX} changes.
 */
export function toEntry(planned: Planned<unknown>, identity: EntryIdentity): Entry {
  if (planned.actions.length > ENTRY_CHANGES_MAX) {
    throw new SwarmError(
      'too_large',
      `the change touches ${String(planned.actions.length)} objects; one change may touch ${String(ENTRY_CHANGES_MAX)}`,
    );
  }
  return toOneEntry(planned, identity);
}

function toOneEntry(planned: Planned<unknown>, identity: EntryIdentity): Entry {
  return {
    v: 1,
    id: identity.newId(),
    atMs: planned.nowMs,
    actions: planned.actions,
    ...(identity.requestId === undefined ? {} : { requestId: identity.requestId }),
    ...(planned.history.length > 0 ? { history: planned.history } : {}),
  };
}
