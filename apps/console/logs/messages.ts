import type { LogsSelect, LogsTask } from '@skep/contract';

import type { LogFilter } from './matcher.ts';
import type { LogLine } from './ring.ts';
import type { Counts } from './view.ts';

/** What the page asks of the worker that owns the lines. */
export type ToWorker =
  | { readonly t: 'open'; readonly url: string; readonly select: LogsSelect; readonly tail: number }
  | { readonly t: 'filter'; readonly id: number; readonly filter: LogFilter }
  | { readonly t: 'window'; readonly from: number; readonly to: number }
  | { readonly t: 'export'; readonly names: readonly string[] }
  | { readonly t: 'clear' }
  | { readonly t: 'close' };

export interface SourceNote {
  readonly task: number;
  readonly state: 'ended' | 'unreachable' | 'rate-limited';
  readonly dropped: number;
  readonly message: string | undefined;
}

/** What the worker tells the page: counters, the lines in view, and what became of the sources. */
export type FromWorker =
  | {
      readonly t: 'view';
      readonly total: number;
      readonly shown: number;
      readonly counts: Counts;
      readonly from: number;
      readonly lines: readonly LogLine[];
    }
  | { readonly t: 'filtered'; readonly id: number; readonly error: string | undefined }
  | { readonly t: 'tasks'; readonly tasks: readonly LogsTask[] }
  | { readonly t: 'source'; readonly note: SourceNote }
  | { readonly t: 'socket'; readonly state: 'connecting' | 'open' | 'lost' | 'ended' }
  | { readonly t: 'refused'; readonly code: string; readonly message: string }
  | { readonly t: 'text'; readonly text: string };
