import { checkFilters, parseRequestTimeMs, type Filters } from '@skep/docker-api';
import { SwarmError, parseDurationMs } from '@skep/kernel';

/**
 * Time before which an object must have been made to be pruned: `until` is a duration back from now (`24h`) or a
 * time. Without it everything may go.
 * @throws SwarmError `invalid_argument` for unknown filters and bad times.
 */
export function pruneCutoff(filters: Filters, accepted: readonly string[], nowMs: number): number {
  checkFilters(filters, accepted);
  const until = filters.get('until') ?? [];
  if (until.length > 1) {
    throw new SwarmError('invalid_argument', 'more than one until filter specified');
  }
  const text = until[0];
  if (text === undefined) {
    return Number.POSITIVE_INFINITY;
  }
  const time = parseRequestTimeMs(text);
  if (time.ok) {
    return time.value;
  }
  const duration = parseDurationMs(text);
  if (!duration.ok) {
    throw time.error;
  }
  return nowMs - duration.value;
}
