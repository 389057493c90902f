import { matchesLabels, type Filters } from '@skep/docker-api';

import type { EngineEvent } from '../../engine/engine-api.ts';

/** One line of `GET /events`. Nanoseconds do not fit into a JSON number of JavaScript, so the text is made by hand. */
export function eventToJsonLine(event: EngineEvent): string {
  const hasLegacyFields = event.kind === 'container' || event.kind === 'image';
  const message = {
    ...(hasLegacyFields ? { status: event.action, id: event.actorId } : {}),
    ...(event.kind === 'container' ? { from: event.attributes['image'] ?? '' } : {}),
    Type: event.kind,
    Action: event.action,
    Actor: { ID: event.actorId, Attributes: event.attributes },
    scope: 'local',
    time: Math.floor(event.timeMs / 1000),
  };
  return `${JSON.stringify(message).slice(0, -1)},"timeNano":${String(event.timeNano)}}\n`;
}

/** Filters of `docker events`; those of one key are alternatives, labels must all hold. */
export function matchesEvent(event: EngineEvent, filters: Filters): boolean {
  const isOneOf = (key: string, actual: readonly (string | undefined)[]): boolean => {
    const wanted = filters.get(key) ?? [];
    return wanted.length === 0 || wanted.some((value) => actual.includes(value));
  };
  const ofKind = (kind: string): boolean => {
    const wanted = filters.get(kind) ?? [];
    if (wanted.length === 0) {
      return true;
    }
    const names = [event.actorId, event.attributes['name']];
    return (
      event.kind === kind &&
      wanted.some((value) => names.includes(value) || (kind !== 'volume' && event.actorId.startsWith(value)))
    );
  };
  const image = event.attributes['image'];
  return (
    isOneOf('type', [event.kind]) &&
    isOneOf('event', [event.action, event.action.split(':')[0]]) &&
    isOneOf('scope', ['local']) &&
    ofKind('container') &&
    ofKind('volume') &&
    ofKind('network') &&
    ofKind('daemon') &&
    isOneOf('image', [
      event.kind === 'image' ? event.actorId : undefined,
      event.kind === 'image' ? event.attributes['name'] : undefined,
      image,
      image?.split(':')[0],
    ]) &&
    matchesLabels(filters, event.attributes)
  );
}
