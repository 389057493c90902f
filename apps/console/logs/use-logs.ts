'use client';

import type { LogsSelect, LogsTask } from '@skep/contract';
import { useCallback, useEffect, useRef, useState } from 'react';

import type { FromWorker, SourceNote, ToWorker } from './messages.ts';
import { NO_FILTER } from './matcher.ts';
import type { LogFilter } from './matcher.ts';
import type { LogLine } from './ring.ts';
import type { Counts } from './view.ts';

/** A pattern that takes longer than this on one pass is given up and searched literally. */
const SLOW_PATTERN_MS = 1_500;

export interface LogsState {
  readonly total: number;
  readonly shown: number;
  readonly counts: Counts;
  readonly from: number;
  readonly lines: readonly LogLine[];
  readonly tasks: readonly LogsTask[];
  readonly notes: readonly SourceNote[];
  readonly socket: 'connecting' | 'open' | 'lost' | 'ended';
  readonly refused: { readonly code: string; readonly message: string } | undefined;
  readonly patternError: string | undefined;
  readonly isPatternSlow: boolean;
}

const FIRST: LogsState = {
  total: 0,
  shown: 0,
  counts: { E: 0, W: 0, I: 0, D: 0 },
  from: 0,
  lines: [],
  tasks: [],
  notes: [],
  socket: 'connecting',
  refused: undefined,
  patternError: undefined,
  isPatternSlow: false,
};

export interface Logs extends LogsState {
  readonly setFilter: (filter: LogFilter) => void;
  readonly setWindow: (from: number, to: number) => void;
  readonly toText: (names: readonly string[]) => Promise<string>;
  readonly clear: () => void;
}

function addTasks(known: readonly LogsTask[], added: readonly LogsTask[]): readonly LogsTask[] {
  const tasks = [...known];
  for (const task of added) {
    tasks[task[0]] = task;
  }
  return tasks;
}

function next(state: LogsState, message: FromWorker): LogsState {
  switch (message.t) {
    case 'view': {
      const { total, shown, counts, from, lines } = message;
      return { ...state, total, shown, counts, from, lines };
    }
    case 'tasks':
      return { ...state, tasks: addTasks(state.tasks, message.tasks) };
    case 'source':
      return {
        ...state,
        notes: [...state.notes.filter((note) => note.task !== message.note.task), message.note],
      };
    case 'socket':
      return { ...state, socket: message.state };
    case 'refused':
      return { ...state, refused: { code: message.code, message: message.message } };
    case 'filtered':
      return { ...state, patternError: message.error };
    case 'text':
      return state;
  }
}

function socketUrl(): string {
  const url = new URL('/api/v1/logs/stream', window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

/**
 * The logs of what `select` names, live. The lines stay in a worker; this has counters and the rows in view. A viewer
 * of something else is another component: give it a key.
 */
export function useLogs(select: LogsSelect, tail: number): Logs {
  const [state, setState] = useState(FIRST);
  const worker = useRef<Worker>(undefined);
  const watchdog = useRef<ReturnType<typeof setTimeout>>(undefined);
  const pending = useRef<(text: string) => void>(undefined);
  const filter = useRef(NO_FILTER);
  const turn = useRef(0);
  const restart = useRef<() => void>(() => undefined);
  const key = JSON.stringify(select);

  useEffect(() => {
    const wanted = JSON.parse(key) as LogsSelect;
    const start = () => {
      const created = new Worker(new URL('./logs.worker.ts', import.meta.url), { type: 'module' });
      worker.current = created;
      created.onmessage = (event: MessageEvent<FromWorker>) => {
        const message = event.data;
        if (message.t === 'text') {
          pending.current?.(message.text);
        }
        if (message.t === 'filtered' && message.id === turn.current) {
          clearTimeout(watchdog.current);
        }
        setState((old) => next(old, message));
      };
      const open: ToWorker = { t: 'open', url: socketUrl(), select: wanted, tail };
      created.postMessage(open);
      created.postMessage({
        t: 'filter',
        id: (turn.current += 1),
        filter: filter.current,
      } satisfies ToWorker);
    };
    restart.current = () => {
      worker.current?.terminate();
      filter.current = { ...filter.current, isRegex: false };
      setState((old) => ({ ...FIRST, tasks: old.tasks, isPatternSlow: true }));
      start();
    };
    start();
    return () => {
      clearTimeout(watchdog.current);
      worker.current?.postMessage({ t: 'close' } satisfies ToWorker);
      worker.current?.terminate();
      worker.current = undefined;
    };
  }, [key, tail]);

  const setFilter = useCallback((wanted: LogFilter) => {
    filter.current = wanted;
    turn.current += 1;
    clearTimeout(watchdog.current);
    setState((old) => ({ ...old, isPatternSlow: false }));
    worker.current?.postMessage({ t: 'filter', id: turn.current, filter: wanted } satisfies ToWorker);
    watchdog.current = setTimeout(() => {
      restart.current();
    }, SLOW_PATTERN_MS);
  }, []);
  const setWindow = useCallback((from: number, to: number) => {
    worker.current?.postMessage({ t: 'window', from, to } satisfies ToWorker);
  }, []);
  const toText = useCallback(
    (names: readonly string[]) =>
      new Promise<string>((resolve) => {
        pending.current = resolve;
        worker.current?.postMessage({ t: 'export', names } satisfies ToWorker);
      }),
    [],
  );
  const clear = useCallback(() => {
    worker.current?.postMessage({ t: 'clear' } satisfies ToWorker);
  }, []);
  return { ...state, setFilter, setWindow, toText, clear };
}
