import type { Logger } from 'pino';
import type { EngineEvent, EventApi } from './engine-api.ts';

const RECENT_MAX = 1024;

/** The engine's events: told to listeners at once, the last ones kept for those who ask later. */
export class EventBus implements EventApi {
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #recent: EngineEvent[] = [];
  readonly #log: Logger;
  #lastNano = 0n;

  constructor(log: Logger) {
    this.#log = log;
  }

  subscribe(listener: (event: EngineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  recent(): readonly EngineEvent[] {
    return [...this.#recent];
  }

  publish(partial: Pick<EngineEvent, 'kind' | 'action' | 'actorId' | 'attributes'>): void {
    const timeMs = Date.now();
    const nano = BigInt(timeMs) * 1_000_000n;
    // Two events in one millisecond keep their order.
    this.#lastNano = nano > this.#lastNano ? nano : this.#lastNano + 1n;
    const event: EngineEvent = { ...partial, timeMs, timeNano: this.#lastNano };
    this.#recent.push(event);
    if (this.#recent.length > RECENT_MAX) {
      this.#recent.splice(0, this.#recent.length - RECENT_MAX);
    }
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (err: unknown) {
        this.#log.error({ err, action: event.action }, 'an event listener failed');
      }
    }
  }
}
