import type { EventRow } from './rows.ts';

export interface FoldedEvent {
  /** The first of the run in the order given: the newest, where the newest come first. */
  readonly event: EventRow;
  readonly times: number;
}

/** Runs of the same happening become one line each, so that a task that fails for an hour does not hide everything else. */
export function foldEvents(events: readonly EventRow[]): FoldedEvent[] {
  const folded: { event: EventRow; times: number }[] = [];
  for (const event of events) {
    const last = folded.at(-1);
    if (last !== undefined && last.event.action === event.action && last.event.message === event.message) {
      last.times += 1;
    } else {
      folded.push({ event, times: 1 });
    }
  }
  return folded;
}
