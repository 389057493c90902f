'use client';

import type { ResponseOf } from '@skep/contract';
import { useEffect, useRef } from 'react';

import { useRev } from '../live/live.tsx';
import { call } from './call.ts';
import { useAsk } from './use-call.ts';
import type { Asked } from './use-call.ts';

const REFRESH_MS = 2_000;

interface EventQuery {
  readonly limit: number;
  readonly target?: string;
}

/** The newest events of the cluster. Asked again when the cluster's state moved, at most every two seconds. */
export function useEvents({ limit, target }: EventQuery): Asked<ResponseOf<'listEvents'>> {
  const rev = useRev();
  const asked = useAsk(`${String(limit)} ${target ?? ''}`, (signal) =>
    call('listEvents', { query: { limit, ...(target === undefined ? {} : { target }) }, signal }),
  );
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const { reload } = asked;
  useEffect(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      reload();
    }, REFRESH_MS);
  }, [rev, reload]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
    },
    [],
  );
  return asked;
}
