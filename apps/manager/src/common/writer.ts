import { Inject, Injectable } from '@nestjs/common';

import type {
  AuditDraft,
  ControlPlane,
  EventDraft,
  UpdateContext,
  UpdateResult,
  WriteTx,
} from '@skep/controlplane';

import { CONTROL_PLANE } from '../tokens.ts';
import { LEADER_WAIT_MS } from './leader-door.ts';
import type { Caller } from './request-context.ts';

/** How a change is told in the history. Functions get what the update returned. */
export interface Change<T> {
  /** Verb on a kind, such as `service.update`. */
  readonly action: string;
  readonly target: AuditDraft['target'] | ((value: T) => AuditDraft['target']);
  /** Summary of the change for people. Never secret values. */
  readonly detail?: string | ((value: T) => string | undefined);
  readonly events?: (value: T) => readonly EventDraft[];
}

/** The way of the edge into the replicated store: each change carries who made it and why. */
@Injectable()
export class Writer {
  constructor(@Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane) {}

  /** Runs `fn` on the leader's newest state in one Raft entry. `fn` may run twice and must not have other effects. */
  write<T>(caller: Caller, change: Change<T>, fn: (tx: WriteTx) => T): Promise<UpdateResult<T>> {
    return this.controlPlane.update(toUpdateContext(caller, change), fn);
  }
}

/** The same for functions of the control plane that write by themselves. */
export function toUpdateContext<T>(caller: Caller, change: Change<T>): UpdateContext<T> {
  const { events } = change;
  return {
    actor: caller.actor,
    requestId: caller.requestId,
    timeoutMs: LEADER_WAIT_MS,
    audit: (value) => {
      const detail = typeof change.detail === 'function' ? change.detail(value) : change.detail;
      return {
        action: change.action,
        target: typeof change.target === 'function' ? change.target(value) : change.target,
        ...(detail === undefined ? {} : { detail: detail.slice(0, 2000) }),
      };
    },
    ...(events === undefined ? {} : { events }),
  };
}
