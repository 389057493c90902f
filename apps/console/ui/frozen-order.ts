'use client';

import { useState } from 'react';

interface FrozenOrder<T> {
  readonly ordered: readonly T[];
  /** Whether the order on screen is no longer the sorted one. */
  readonly isStale: boolean;
  readonly refresh: () => void;
}

interface FreezeOptions {
  readonly isFrozen: boolean;
  /** What the person chose to sort by; a new choice always takes effect. */
  readonly scope: string;
}

/**
 * Keeps rows where they are while someone points at them: known rows keep their order, new ones come last, gone ones
 * leave.
 */
export function useFrozenOrder<T>(
  wanted: readonly T[],
  keyOf: (row: T) => string,
  { isFrozen, scope }: FreezeOptions,
): FrozenOrder<T> {
  const [kept, setKept] = useState<{ readonly keys: readonly string[]; readonly scope: string }>({
    keys: [],
    scope,
  });
  const keys = wanted.map(keyOf);
  const isHeld = isFrozen && kept.scope === scope && kept.keys.length > 0;
  const isSameOrder =
    kept.scope === scope &&
    kept.keys.length === keys.length &&
    kept.keys.every((key, at) => key === keys[at]);
  if (!isHeld && !isSameOrder) {
    setKept({ keys, scope });
  }
  if (!isHeld || isSameOrder) {
    return { ordered: wanted, isStale: false, refresh: () => undefined };
  }
  const rank = new Map(kept.keys.map((key, at) => [key, at]));
  const ordered = wanted.toSorted(
    (a, b) =>
      (rank.get(keyOf(a)) ?? Number.MAX_SAFE_INTEGER) - (rank.get(keyOf(b)) ?? Number.MAX_SAFE_INTEGER),
  );
  const isStale = ordered.some((row, at) => row !== wanted[at]);
  return {
    ordered,
    isStale,
    refresh: () => {
      setKept({ keys, scope });
    },
  };
}
