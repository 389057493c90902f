import { Inject, Injectable } from '@nestjs/common';
import {
  Counter,
  Gauge,
  Histogram,
  Registry,
  collectDefaultMetrics,
  register as globalRegistry,
} from 'prom-client';

import type { ControlPlane } from '@skep/controlplane';

import { WsRouter } from '../../ws/ws-router.ts';
import { CONTROL_PLANE } from '../../tokens.ts';

const KINDS = ['node', 'service', 'task', 'network', 'secret', 'config', 'stack', 'user', 'session'] as const;

/** Numbers of this manager for Prometheus. Those of the control plane are in prom-client's global registry. */
@Injectable()
export class MetricsService {
  readonly #registry = new Registry();
  readonly #requests: Histogram<'operation' | 'status'>;
  readonly #refusals: Counter<'code'>;

  constructor(@Inject(CONTROL_PLANE) controlPlane: ControlPlane, @Inject(WsRouter) router: WsRouter) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Histogram({
      name: 'skep_http_request_seconds',
      help: 'Time to answer API requests.',
      labelNames: ['operation', 'status'],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    this.#refusals = new Counter({
      name: 'skep_http_refusals_total',
      help: 'Refused API requests by error code.',
      labelNames: ['code'],
      registers,
    });
    gauge(registers, 'skep_ws_clients', 'Open WebSockets.', () => router.count);
    gauge(registers, 'skep_raft_term', 'Raft term.', () => controlPlane.status().term);
    gauge(registers, 'skep_raft_is_leader', '1 on the leader.', () =>
      controlPlane.status().isLeader ? 1 : 0,
    );
    gauge(registers, 'skep_raft_commit_index', 'Committed log index.', () => controlPlane.status().commitRev);
    gauge(registers, 'skep_raft_applied_index', 'Applied log index.', () => controlPlane.status().appliedRev);
    new Gauge({
      name: 'skep_store_objects',
      help: 'Objects in the replicated store.',
      labelNames: ['kind'],
      registers,
      collect() {
        for (const kind of KINDS) {
          this.set(
            { kind },
            controlPlane.view((tx) => tx.count(kind)),
          );
        }
      },
    });
  }

  observe(operation: string, status: number, seconds: number): void {
    this.#requests.observe({ operation, status: String(status) }, seconds);
  }

  refused(code: string): void {
    this.#refusals.inc({ code });
  }

  async text(): Promise<string> {
    return Registry.merge([this.#registry, globalRegistry]).metrics();
  }
}

function gauge(registers: Registry[], name: string, help: string, value: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(value());
    },
  });
}
