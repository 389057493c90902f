'use client';

import { createContext, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';

import type { MeView, Permission, ResponseOf } from '@skep/contract';

import { call } from '../../api/call.ts';
import { ApiError, onUnauthenticated } from '../../api/http.ts';
import { useLive } from '../../live/live.tsx';

type Bootstrap = ResponseOf<'getBootstrap'>;

/** Whether someone is signed in at this manager; `unreachable` when it does not answer at all. */
export type SessionState =
  | { readonly kind: 'asking' }
  | { readonly kind: 'setup' }
  | { readonly kind: 'signed-out' }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'signed-in'; readonly me: MeView };

interface Session {
  readonly state: SessionState;
  readonly bootstrap: Bootstrap | undefined;
  /** Whether the sign-in dialog must be shown over the page. */
  readonly isAsking: boolean;
  readonly signedIn: () => Promise<void>;
  readonly signedOut: () => void;
}

const SessionContext = createContext<Session | undefined>(undefined);

let waiting: (() => void)[] = [];

interface Answer {
  readonly state: SessionState;
  readonly bootstrap: Bootstrap | undefined;
}

async function ask(): Promise<Answer> {
  let bootstrap: Bootstrap | undefined;
  try {
    bootstrap = await call('getBootstrap');
    if (bootstrap.state === 'setup') {
      return { state: { kind: 'setup' }, bootstrap };
    }
    return { state: { kind: 'signed-in', me: await call('getMe') }, bootstrap };
  } catch (error: unknown) {
    const code = error instanceof ApiError ? error.problem.code : 'internal';
    return { state: { kind: code === 'unauthenticated' ? 'signed-out' : 'unreachable' }, bootstrap };
  }
}

/**
 * Knows who is signed in. A session that ends while someone works opens a dialog over the page; the requests that
 * were refused wait for it, so nothing on the page is lost.
 */
export function SessionProvider({ children }: { readonly children: ReactNode }) {
  const { client } = useLive();
  const [state, setState] = useState<SessionState>({ kind: 'asking' });
  const [bootstrap, setBootstrap] = useState<Bootstrap>();
  const [isAsking, setAsking] = useState(false);

  const accept = useCallback(
    (found: Answer) => {
      setBootstrap(found.bootstrap);
      setState(found.state);
      if (found.state.kind === 'signed-in') {
        setAsking(false);
        const resolve = waiting;
        waiting = [];
        for (const each of resolve) {
          each();
        }
        client.start();
      }
    },
    [client],
  );
  const refresh = useCallback(async () => {
    accept(await ask());
  }, [accept]);

  useEffect(() => {
    void ask().then(accept);
  }, [accept]);

  useEffect(() => {
    if (state.kind !== 'signed-in') {
      onUnauthenticated(undefined);
      return undefined;
    }
    onUnauthenticated(
      () =>
        new Promise((resolve) => {
          waiting.push(resolve);
          setAsking(true);
        }),
    );
    let wasLost = false;
    return client.subscribe(() => {
      // A socket refused for want of a session looks like any other loss: ask, and the 401 opens the dialog.
      const isLost = client.connection.freshness === 'reconnecting';
      if (isLost && !wasLost) {
        void call('getMe').catch(() => undefined);
      }
      wasLost = isLost;
    });
  }, [state.kind, client]);

  useEffect(() => {
    if (state.kind !== 'unreachable') {
      return undefined;
    }
    const timer = setInterval(() => void refresh(), 3_000);
    return () => {
      clearInterval(timer);
    };
  }, [state.kind, refresh]);

  const signedOut = useCallback(() => {
    client.stop();
    setState({ kind: 'signed-out' });
  }, [client]);

  const session = useMemo(
    () => ({ state, bootstrap, isAsking, signedIn: refresh, signedOut }),
    [state, bootstrap, isAsking, refresh, signedOut],
  );
  return <SessionContext value={session}>{children}</SessionContext>;
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) {
    throw new Error('useSession needs a SessionProvider above it');
  }
  return session;
}

export function useMe(): MeView | undefined {
  const { state } = useSession();
  return state.kind === 'signed-in' ? state.me : undefined;
}

/** Whether the person holds a permission. Managers decide; this only says so before they have to. */
export function useCan(permission: Permission): boolean {
  return useMe()?.permissions.includes(permission) ?? false;
}
