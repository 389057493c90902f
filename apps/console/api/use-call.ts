'use client';

import { useCallback, useEffect, useRef, useState } from 'react';

/** The result of asking once: nothing yet, an answer, or a refusal. An old answer stays while a new one is awaited. */
export interface Asked<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

/**
 * Asks when `key` changes, and again on `reload`. For requests whose answers are not in the stream: history, tokens,
 * texts. A late answer to an earlier question is dropped.
 */
export function useAsk<T>(key: string | undefined, ask: (signal: AbortSignal) => Promise<T>): Asked<T> {
  const [state, setState] = useState<{
    readonly key: string | undefined;
    readonly data?: T;
    readonly error?: unknown;
  }>({
    key: undefined,
  });
  const [turn, setTurn] = useState(0);
  const latest = useRef(ask);
  useEffect(() => {
    latest.current = ask;
  });
  useEffect(() => {
    if (key === undefined) {
      return undefined;
    }
    const controller = new AbortController();
    latest.current(controller.signal).then(
      (data) => {
        if (!controller.signal.aborted) {
          setState({ key, data });
        }
      },
      (error: unknown) => {
        if (!controller.signal.aborted) {
          setState((old) => ({ ...old, key, error }));
        }
      },
    );
    return () => {
      controller.abort();
    };
  }, [key, turn]);
  const reload = useCallback(() => {
    setState((old) => ({ ...old, key: undefined, error: undefined }));
    setTurn((old) => old + 1);
  }, []);
  return {
    data: state.data,
    error: state.key === key ? state.error : undefined,
    isLoading: key !== undefined && state.key !== key,
    reload,
  };
}

export interface Action<A extends readonly unknown[], T> {
  readonly run: (...args: A) => Promise<T | undefined>;
  readonly isBusy: boolean;
  readonly error: unknown;
  readonly clear: () => void;
}

/** A change someone asks for: one at a time, its refusal kept until the next try. Resolves `undefined` when refused. */
export function useAction<A extends readonly unknown[], T>(act: (...args: A) => Promise<T>): Action<A, T> {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const latest = useRef(act);
  useEffect(() => {
    latest.current = act;
  });
  const run = useCallback(async (...args: A) => {
    setBusy(true);
    setError(undefined);
    try {
      return await latest.current(...args);
    } catch (caught: unknown) {
      setError(caught);
      return undefined;
    } finally {
      setBusy(false);
    }
  }, []);
  const clear = useCallback(() => {
    setError(undefined);
  }, []);
  return { run, isBusy, error, clear };
}
