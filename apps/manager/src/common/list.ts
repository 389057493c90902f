import { SwarmError } from '@skep/kernel';

/** The query of every list, after validation. */
export interface ListQuery {
  readonly id?: readonly string[] | undefined;
  readonly name?: readonly string[] | undefined;
  readonly label?: readonly string[] | undefined;
  readonly q?: string | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** What lists filter and sort by. */
export interface ListFacts {
  readonly id: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Sorted by this; by the name when absent. */
  readonly sortKey?: string;
}

/** Items of a page when the client names no limit. */
export const PAGE_MAX = 10_000;

export interface Page<T> {
  readonly items: T[];
  readonly next?: string;
}

/** Filters, sorts by name and id, and cuts one page. @throws SwarmError `invalid_argument` for a cursor of another form. */
export function toPage<T>(items: readonly T[], query: ListQuery, facts: (item: T) => ListFacts): Page<T> {
  const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
  const rows: { readonly item: T; readonly key: Key }[] = [];
  for (const item of items) {
    const row = facts(item);
    const key: Key = [row.sortKey ?? row.name, row.id];
    if ((after === undefined || compareKeys(key, after) > 0) && matches(row, query)) {
      rows.push({ item, key });
    }
  }
  rows.sort((a, b) => compareKeys(a.key, b.key));
  const limit = query.limit ?? PAGE_MAX;
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const hasMore = last !== undefined && rows.at(-1) !== last;
  return { items: page.map(({ item }) => item), ...(hasMore ? { next: encodeCursor(last.key) } : {}) };
}

/** Alternatives within one filter, all filters together. Names and ids match by their beginning, `=name` exactly. */
export function matches(facts: ListFacts, query: ListQuery): boolean {
  const { id, name, label, q } = query;
  return (
    isAny(id, (wanted) => facts.id.startsWith(wanted)) &&
    isAny(name, (wanted) => matchesName(facts.name, wanted)) &&
    (label === undefined || label.every((wanted) => hasLabel(facts.labels, wanted))) &&
    (q === undefined || facts.name.toLowerCase().includes(q.toLowerCase()) || facts.id.startsWith(q))
  );
}

/** True without a filter, or when one of its alternatives holds. */
export function isAny<T>(wanted: readonly T[] | undefined, holds: (one: T) => boolean): boolean {
  return wanted === undefined || wanted.length === 0 || wanted.some(holds);
}

/** `key` or `key=value`. */
export function hasLabel(labels: Readonly<Record<string, string>> | undefined, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  const key = equals < 0 ? wanted : wanted.slice(0, equals);
  const value = labels?.[key];
  return value !== undefined && (equals < 0 || value === wanted.slice(equals + 1));
}

function matchesName(name: string, wanted: string): boolean {
  return wanted.startsWith('=') ? name === wanted.slice(1) : name.startsWith(wanted);
}

type Key = readonly [name: string, id: string];

function compareKeys(a: Key, b: Key): number {
  return compareText(a[0], b[0]) || compareText(a[1], b[1]);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function encodeCursor(key: Key): string {
  return Buffer.from(JSON.stringify(key), 'utf8').toString('base64url');
}

function decodeCursor(text: string): Key {
  try {
    const key: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (Array.isArray(key) && typeof key[0] === 'string' && typeof key[1] === 'string') {
      return [key[0], key[1]];
    }
  } catch {
    // Told below.
  }
  throw new SwarmError('invalid_argument', 'cursor is not one this list gave');
}
