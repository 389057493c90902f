'use client';

import { foldEvents } from '../live/fold-events.ts';
import type { FoldedEvent } from '../live/fold-events.ts';
import type { EventRow } from '../live/rows.ts';
import type { Family } from '../live/state.ts';
import { Clock } from './quantity.tsx';
import { StateGlyph } from './state-glyph.tsx';

export const SEVERITY_FAMILY: Readonly<Record<EventRow['severity'], Family>> = {
  info: 'off',
  warning: 'warn',
  error: 'bad',
};
const SEVERITY_GLYPH = { info: 'stopped', warning: 'attention', error: 'failed' } as const;

interface EventLinesProps {
  /** Newest first. */
  readonly events: readonly EventRow[];
  readonly maxLines?: number;
}

/** What happened in the cluster, a line each; what happened again and again takes one. */
export function EventLines({ events, maxLines }: EventLinesProps) {
  return foldEvents(events)
    .slice(0, maxLines)
    .map((folded) => <EventLine key={folded.event.id} {...folded} />);
}

/** One happening in the cluster: when, how grave, what, and how often in a row when it is more than once. */
function EventLine({ event, times }: FoldedEvent) {
  return (
    <li className="flex items-baseline gap-2 px-4 py-1">
      <span className="mono shrink-0 text-xs text-muted">
        <Clock atMs={event.atMs} />
      </span>
      <StateGlyph
        glyph={SEVERITY_GLYPH[event.severity]}
        family={SEVERITY_FAMILY[event.severity]}
        size={10}
        className="self-center"
      />
      <span className="min-w-0 break-words">
        {event.message}
        {times > 1 ? <span className="figures text-muted">{` ×${String(times)}`}</span> : null}
      </span>
    </li>
  );
}
