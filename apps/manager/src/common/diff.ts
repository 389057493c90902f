import type { FieldChange } from '@skep/contract';

/** Changes told at most; a spec has far fewer fields. */
const CHANGES_MAX = 200;

/** Paths whose values are told in audit entries; others (environment, commands) may hold what should not be there. */
const TOLD_VALUES = /^(?:task\.container\.image|mode\.\w+|name|update\..*|rollback\..*|endpoint\.ports.*)$/;

/**
 * Fields that differ between two JSON values, by path. Lists of texts are compared as sets of lines, other lists
 * entry by entry.
 */
export function fieldChanges(before: unknown, after: unknown): FieldChange[] {
  const changes: FieldChange[] = [];
  collect(before, after, '', changes);
  return changes.slice(0, CHANGES_MAX);
}

function collect(before: unknown, after: unknown, path: string, changes: FieldChange[]): void {
  if (isSame(before, after)) {
    return;
  }
  if (isRecord(before) && isRecord(after)) {
    for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
      collect(before[key], after[key], path === '' ? key : `${path}.${key}`, changes);
    }
    return;
  }
  if (isObjectList(before) && isObjectList(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index += 1) {
      collect(before[index], after[index], `${path}[${String(index)}]`, changes);
    }
    return;
  }
  changes.push({
    path,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  });
}

/** The changes in one line for an audit entry. */
export function summarize(changes: readonly FieldChange[]): string {
  return changes.length === 0 ? 'no change' : changes.map(summarizeOne).join(', ').slice(0, 2000);
}

function summarizeOne({ path, before, after }: FieldChange): string {
  const isTold = TOLD_VALUES.test(path) && !isRecord(before) && !isRecord(after);
  return isTold ? `${path} ${toText(before)} -> ${toText(after)}` : path;
}

function toText(value: unknown): string {
  return value === undefined ? 'unset' : typeof value === 'string' ? value : JSON.stringify(value);
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted);
  }
  if (!isRecord(value)) {
    return value;
  }
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isObjectList(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.some(isRecord);
}
