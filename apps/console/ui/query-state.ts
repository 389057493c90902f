'use client';

import { useSearchParams } from 'next/navigation';
import { useCallback } from 'react';

/** One parameter of the address. Setting it replaces the entry, so that Back leaves the page and not the keystroke. */
export function useQueryState(key: string, initial = ''): readonly [string, (value: string) => void] {
  const search = useSearchParams();
  const value = search.get(key) ?? initial;
  const set = useCallback(
    (next: string) => {
      const params = new URLSearchParams(window.location.search);
      if (next === '' || next === initial) {
        params.delete(key);
      } else {
        params.set(key, next);
      }
      const text = params.toString();
      window.history.replaceState(null, '', text === '' ? window.location.pathname : `?${text}`);
    },
    [key, initial],
  );
  return [value, set];
}
