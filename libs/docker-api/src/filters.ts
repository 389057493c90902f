import { SwarmError } from '@skep/kernel';

/** Filters of a list request: each key with its values. */
export type Filters = ReadonlyMap<string, readonly string[]>;

const EMPTY: Filters = new Map();

/**
 * Parses the `filters` parameter in both shapes that clients send: `{"label":{"a=b":true}}` (docker CLI) and
 * `{"label":["a=b"]}` (docker-py, Ansible, API before 1.22).
 * @throws SwarmError `invalid_argument` when it is neither.
 */
export function parseFilters(text: string | undefined): Filters {
  if (text === undefined || text === '') {
    return EMPTY;
  }
  const filters = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(parseObject(text))) {
    filters.set(key, valuesOf(key, value));
  }
  return filters;
}

function parseObject(text: string): object {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new SwarmError('invalid_argument', `invalid filter: filters is not valid JSON`, { cause: error });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new SwarmError('invalid_argument', 'invalid filter: filters must be a JSON object');
  }
  return json;
}

function valuesOf(key: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    return value;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value)
      .filter(([, isWanted]) => isWanted !== false)
      .map(([item]) => item);
  }
  throw new SwarmError(
    'invalid_argument',
    `invalid filter '${key}': its value must be a list of strings or an object of booleans`,
  );
}

/** @throws SwarmError `invalid_argument` when a key is not among `accepted`. */
export function checkFilters(filters: Filters, accepted: readonly string[]): void {
  for (const key of filters.keys()) {
    if (!accepted.includes(key)) {
      throw new SwarmError('invalid_argument', `invalid filter '${key}'`);
    }
  }
}

/** Whether the filter is absent, or one of its values is `value`. */
export function matchesExactly(filters: Filters, key: string, value: string): boolean {
  const wanted = filters.get(key);
  return wanted === undefined || wanted.length === 0 || wanted.includes(value);
}

/** Whether the filter is absent, or `value` begins with one of its values. */
export function matchesPrefix(filters: Filters, key: string, value: string): boolean {
  const wanted = filters.get(key);
  return wanted === undefined || wanted.length === 0 || wanted.some((prefix) => value.startsWith(prefix));
}

/**
 * Whether the filter is absent, or one of its values is found in one of `values`. Values of the filter are regular
 * expressions, as Docker takes them for names; one that is no valid expression is compared as text.
 */
export function matchesPattern(filters: Filters, key: string, values: readonly string[]): boolean {
  const wanted = filters.get(key);
  if (wanted === undefined || wanted.length === 0) {
    return true;
  }
  return wanted.some((pattern) => values.some((value) => isFound(pattern, value)));
}

/** Longest pattern that is tried as a regular expression; also a bound on what backtracking can cost. */
const PATTERN_LENGTH_MAX = 256;

function isFound(pattern: string, value: string): boolean {
  if (value.includes(pattern)) {
    return true;
  }
  if (pattern.length > PATTERN_LENGTH_MAX || /[*+}]\)*[*+{]/.test(pattern)) {
    return false;
  }
  try {
    return new RegExp(pattern).test(value);
  } catch {
    return false;
  }
}

/** Whether every `label` filter (`key` or `key=value`) holds, as Docker does: all of them, not one of them. */
export function matchesLabels(
  filters: Filters,
  labels: Readonly<Record<string, string>> | undefined,
  key = 'label',
): boolean {
  return (filters.get(key) ?? []).every((wanted) => hasLabel(labels ?? {}, wanted));
}

/** Whether no `label!` filter holds (prune requests). */
export function lacksLabels(filters: Filters, labels: Readonly<Record<string, string>> | undefined): boolean {
  return !(filters.get('label!') ?? []).some((unwanted) => hasLabel(labels ?? {}, unwanted));
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const split = wanted.indexOf('=');
  if (split < 0) {
    return Object.hasOwn(labels, wanted);
  }
  return labels[wanted.slice(0, split)] === wanted.slice(split + 1);
}

/** The boolean of a filter such as `dangling=true`; undefined when it is absent. */
export function booleanFilter(filters: Filters, key: string): boolean | undefined {
  const values = filters.get(key);
  if (values === undefined || values.length === 0) {
    return undefined;
  }
  const isTrue = values.some((value) => value === '1' || value.toLowerCase() === 'true');
  const isFalse = values.some((value) => value === '0' || value.toLowerCase() === 'false');
  if (isTrue === isFalse) {
    throw new SwarmError('invalid_argument', `invalid filter '${key}=${values.join(',')}'`);
  }
  return isTrue;
}
