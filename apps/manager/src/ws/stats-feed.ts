import type { StatsRow, StreamClientFrame, StreamServerFrame } from '@skep/contract';
import {
  resolveService,
  type ControlPlane,
  type StreamChannel,
  type StreamRequest,
} from '@skep/controlplane';

import { findNode } from '../common/lookup.ts';
import { toSwarmError } from '../common/problem.filter.ts';

/** Subscriptions of one client. */
const SUBSCRIPTIONS_MAX = 8;

type Subscribe = Extract<StreamClientFrame, { t: 'sub' }>;

/** Live samples of tasks for one client of the state stream. */
export class StatsFeed {
  readonly #controlPlane: ControlPlane;
  readonly #send: (frame: StreamServerFrame) => void;
  readonly #channels = new Map<number, StreamChannel | undefined>();
  #isClosed = false;

  constructor(controlPlane: ControlPlane, send: (frame: StreamServerFrame) => void) {
    this.#controlPlane = controlPlane;
    this.#send = send;
  }

  subscribe(frame: Subscribe): void {
    this.unsubscribe(frame.id);
    if (this.#channels.size >= SUBSCRIPTIONS_MAX) {
      const message = `a client may have ${String(SUBSCRIPTIONS_MAX)} subscriptions`;
      this.#send({ t: 'error', id: frame.id, code: 'resource_exhausted', message });
      return;
    }
    this.#channels.set(frame.id, undefined);
    this.#open(frame).catch((error: unknown) => {
      this.#channels.delete(frame.id);
      const { code, message } = toSwarmError(error);
      this.#send({ t: 'error', id: frame.id, code, message });
    });
  }

  unsubscribe(id: number): void {
    this.#channels.get(id)?.close();
    this.#channels.delete(id);
  }

  close(): void {
    this.#isClosed = true;
    for (const id of [...this.#channels.keys()]) {
      this.unsubscribe(id);
    }
  }

  async #open(frame: Subscribe): Promise<void> {
    const channel = await this.#controlPlane.openStream(this.#request(frame));
    if (this.#isClosed || !this.#channels.has(frame.id)) {
      channel.close();
      return;
    }
    this.#channels.set(frame.id, channel);
    channel.onClose(() => this.#channels.delete(frame.id));
    channel.onItem((item) => {
      if (item.type === 'stats') {
        const rows = item.stats.map((one): StatsRow => [
          one.taskId,
          one.cpuPercent,
          one.memoryBytes,
          one.rxBytes,
          one.txBytes,
        ]);
        this.#send({ t: 'stats', id: frame.id, ts: Date.now(), rows });
      }
    });
  }

  #request({ scope, every }: Subscribe): StreamRequest {
    return this.#controlPlane.view((tx) => {
      const base = { kind: 'stats', everyMs: every } as const;
      if ('service' in scope) {
        return { ...base, serviceId: resolveService(tx, scope.service).id };
      }
      if ('node' in scope) {
        return { ...base, nodeId: findNode(tx, scope.node, this.#controlPlane.nodeId).id };
      }
      return {
        ...base,
        taskIds: tx
          .list('task')
          .filter(({ status }) => status.state === 'running')
          .map(({ id }) => id),
      };
    });
  }
}
