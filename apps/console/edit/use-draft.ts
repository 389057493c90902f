'use client';

import { useCallback, useEffect, useRef, useState } from 'react';

import { dropDraft, loadDraft, saveDraft } from './draft-store.ts';

const SAVE_AFTER_MS = 500;

export interface Draft<T> {
  readonly value: T;
  readonly set: (value: T) => void;
  /** When the draft on screen was kept, if it came from an earlier visit. */
  readonly restoredAtMs: number | undefined;
  /** Forgets the draft and goes back to the base. */
  readonly discard: () => void;
  /** Forgets the draft: it was applied. */
  readonly done: () => void;
  /** False until it is known whether there is a draft. */
  readonly isReady: boolean;
  readonly isDirty: boolean;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * An editor's value that survives reloads. It opens on the kept draft, else on `base`; what the stream brings later
 * never reaches it. `base` is `undefined` while it is being fetched.
 */
export function useDraft<T>(key: string, base: T | undefined): Draft<T | undefined> {
  const [value, setValue] = useState<T>();
  const [restoredAtMs, setRestoredAtMs] = useState<number>();
  const [isReady, setReady] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const unsaved = useRef<T>(undefined);
  const baseRef = useRef(base);
  const hasBase = base !== undefined;
  useEffect(() => {
    baseRef.current = base;
  });

  useEffect(() => {
    if (!hasBase) {
      return undefined;
    }
    let isCurrent = true;
    void loadDraft<T>(key).then((draft) => {
      if (!isCurrent) {
        return;
      }
      const isUseful = draft !== undefined && !same(draft.value, baseRef.current);
      setValue(isUseful ? draft.value : baseRef.current);
      setRestoredAtMs(isUseful ? draft.savedAtMs : undefined);
      setReady(true);
    });
    return () => {
      isCurrent = false;
    };
  }, [key, hasBase]);

  const flush = useCallback(() => {
    clearTimeout(timer.current);
    timer.current = undefined;
    if (unsaved.current !== undefined) {
      const kept = unsaved.current;
      unsaved.current = undefined;
      void saveDraft(key, { value: kept, savedAtMs: Date.now() });
    }
  }, [key]);

  useEffect(() => {
    window.addEventListener('pagehide', flush);
    return () => {
      window.removeEventListener('pagehide', flush);
      flush();
    };
  }, [flush]);

  const set = useCallback(
    (next: T | undefined) => {
      setValue(next);
      unsaved.current = next;
      timer.current ??= setTimeout(flush, SAVE_AFTER_MS);
    },
    [flush],
  );
  const done = useCallback(() => {
    clearTimeout(timer.current);
    timer.current = undefined;
    unsaved.current = undefined;
    setRestoredAtMs(undefined);
    void dropDraft(key);
  }, [key]);
  const discard = useCallback(() => {
    done();
    setValue(baseRef.current);
  }, [done]);
  return { value, set, restoredAtMs, discard, done, isReady, isDirty: isReady && !same(value, base) };
}
