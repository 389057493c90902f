/** A merge patch (RFC 7396): named fields change, `null` removes one, everything else stays. */
export type Patch = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Structural equality of JSON values; the order of keys does not matter. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) {
    return true;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, at) => isEqual(item, b[at]));
  }
  if (!isRecord(a) || !isRecord(b)) {
    return false;
  }
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && isEqual(a[key], b[key]));
}

/** The smallest patch that turns `base` into `wanted`: only what the person changed is ever sent. */
export function diffPatch(base: Patch, wanted: Patch): Patch {
  const patch: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(base), ...Object.keys(wanted)])) {
    const before = base[key];
    const after = wanted[key];
    if (after === undefined) {
      if (before !== undefined) {
        patch[key] = null;
      }
    } else if (isRecord(before) && isRecord(after)) {
      const inner = diffPatch(before, after);
      if (Object.keys(inner).length > 0) {
        patch[key] = inner;
      }
    } else if (!isEqual(before, after)) {
      patch[key] = after;
    }
  }
  return patch;
}

/** What tells one entry of a list from another, in the order in which they are looked for. */
const IDENTITIES = ['secretId', 'configId', 'targetPort', 'target'] as const;

function identityOf(item: unknown): string | undefined {
  if (!isRecord(item)) {
    return undefined;
  }
  const key = IDENTITIES.find((each) => item[each] !== undefined);
  return key === undefined ? undefined : JSON.stringify([key, item[key], item['protocol']]);
}

/** Entries of a list keep the fields the form knows nothing of, when the same entry was there before. */
function mergeList(before: readonly unknown[], after: readonly unknown[]): readonly unknown[] {
  const known = new Map(before.map((item) => [identityOf(item), item]));
  return after.map((item) => {
    const identity = identityOf(item);
    const old = identity === undefined ? undefined : known.get(identity);
    return isRecord(old) && isRecord(item) ? { ...old, ...item } : item;
  });
}

/** `target` with `patch` applied. */
export function applyPatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) {
    return Array.isArray(target) && Array.isArray(patch) ? mergeList(target, patch) : patch;
  }
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      Reflect.deleteProperty(result, key);
    } else {
      result[key] = applyPatch(result[key], value);
    }
  }
  return result;
}

/** One field that two versions have differently; absent means it was not there. */
export interface SpecChange {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Every field in which two versions of a spec differ, by path, in the order of the specs. Lists are one field. */
export function specChanges(before: unknown, after: unknown, path = ''): readonly SpecChange[] {
  if (isEqual(before, after)) {
    return [];
  }
  if (!isRecord(before) || !isRecord(after)) {
    return [
      {
        path,
        ...(before === undefined ? {} : { before }),
        ...(after === undefined ? {} : { after }),
      },
    ];
  }
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
    specChanges(before[key], after[key], path === '' ? key : `${path}.${key}`),
  );
}
