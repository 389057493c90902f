import { isEqual } from './patch.ts';

/** A field that both sides changed, and not to the same. */
export interface Conflict<T> {
  readonly field: keyof T;
  readonly base: T[keyof T];
  readonly theirs: T[keyof T];
  readonly mine: T[keyof T];
}

export interface Rebased<T> {
  /** Theirs where only they changed something, mine everywhere else. */
  readonly value: T;
  /** Fields taken from them. */
  readonly taken: readonly (keyof T)[];
  readonly conflicts: readonly Conflict<T>[];
}

/** Fields in which two records differ. */
export function changedFields<T extends object>(base: T, other: T): readonly (keyof T)[] {
  return (Object.keys(base) as (keyof T)[]).filter((field) => !isEqual(base[field], other[field]));
}

/**
 * Carries the changes of `mine` from `base` over to `theirs`. Nothing the person typed is ever dropped: where both
 * changed a field, mine stays and the conflict is told.
 */
export function rebase<T extends object>(base: T, theirs: T, mine: T): Rebased<T> {
  const changedByThem = changedFields(base, theirs);
  const value = { ...mine };
  const taken: (keyof T)[] = [];
  const conflicts: Conflict<T>[] = [];
  for (const field of changedByThem) {
    if (isEqual(base[field], mine[field])) {
      value[field] = theirs[field];
      taken.push(field);
    } else if (!isEqual(theirs[field], mine[field])) {
      conflicts.push({ field, base: base[field], theirs: theirs[field], mine: mine[field] });
    }
  }
  return { value, taken, conflicts };
}
