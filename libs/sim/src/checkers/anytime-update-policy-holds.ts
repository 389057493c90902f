import {
  compareTaskStates,
  effectiveUpdateConfig,
  isTerminalState,
  type Service,
  type Task,
} from '@skep/model';
import type { ReadTx, StoreEvent } from '@skep/store';

import { Violation } from './violation.ts';

/** A rollout of one version of a service's tasks. */
interface Rollout {
  /** The service as it last was at that version: with the policy that governs this rollout. */
  service: Service;
  /** Slots whose serving task was stopped for a task of that version. */
  readonly out: Set<number>;
}

/**
 * anytime_updatePolicyHolds: a rolling update never has more places out of service at a time than its parallelism
 * allows. A place is out from when its running task is told to go for a newer one until a task runs there again, or the
 * newer one has ended by itself (which is the failure action's business). What an earlier rollout with another policy
 * left out of service does not count against the next one.
 */
export class AnytimeUpdatePolicyHolds {
  /** By service and version. A plan that is under way when the next version comes belongs to the one before. */
  readonly #rollouts = new Map<string, Map<number, Rollout>>();

  onApplied(tx: ReadTx, events: readonly StoreEvent[]): void {
    for (const event of events) {
      if (event.kind === 'service') {
        this.#follow(event.id, event.new);
      }
      if (event.kind === 'task' && event.new !== undefined) {
        this.#back(event.old, event.new);
      }
    }
    const made = new Map<string, number>();
    for (const { kind, new: object, old } of events) {
      if (kind === 'task' && object !== undefined && old === undefined) {
        made.set(`${object.serviceId}/${String(object.slot)}`, object.specVersion);
      }
    }
    for (const event of events) {
      if (event.kind === 'task' && event.old !== undefined && event.new !== undefined) {
        const version = made.get(`${event.new.serviceId}/${String(event.new.slot)}`);
        this.#stopped(tx, { before: event.old, after: event.new, version });
      }
    }
  }

  #follow(id: string, service: Service | undefined): void {
    if (service === undefined) {
      this.#rollouts.delete(id);
      return;
    }
    const versions = this.#rollouts.get(id) ?? new Map<number, Rollout>();
    this.#rollouts.set(id, versions);
    const rollout = versions.get(service.specVersion);
    if (rollout === undefined) {
      versions.set(service.specVersion, { service, out: new Set() });
    } else {
      rollout.service = service;
    }
  }

  #back(before: Task | undefined, after: Task): void {
    const isServing = after.status.state === 'running' && after.desiredState === 'running';
    const hasEnded =
      before !== undefined &&
      !isTerminalState(before.status.state) &&
      isTerminalState(after.status.state) &&
      compareTaskStates(before.desiredState, 'running') <= 0;
    if (isServing || hasEnded || after.desiredState === 'remove') {
      this.#rollouts.get(after.serviceId)?.forEach(({ out }) => out.delete(after.slot));
    }
  }

  #stopped(
    tx: ReadTx,
    {
      before,
      after,
      version,
    }: { readonly before: Task; readonly after: Task; readonly version: number | undefined },
  ): void {
    const rollout = this.#rollouts.get(after.serviceId)?.get(version ?? -1);
    const isForNewer = version !== after.specVersion && isStoppedWhileServing(before, after);
    if (rollout === undefined || !isForNewer || !couldStay(tx, rollout.service, after)) {
      return;
    }
    const { service, out } = rollout;
    out.add(after.slot);
    const isRollback = service.updateStatus?.state.startsWith('rollback') === true;
    const { parallelism } = effectiveUpdateConfig(isRollback ? service.spec.rollback : service.spec.update);
    if (parallelism > 0 && out.size > parallelism) {
      throw new Violation(
        'anytime_updatePolicyHolds',
        `${String(out.size)} places of ${service.spec.name} are out of service, ${String(parallelism)} may be`,
      );
    }
  }
}

function isStoppedWhileServing(before: Task, after: Task): boolean {
  return (
    before.desiredState === 'running' &&
    before.status.state === 'running' &&
    after.desiredState === 'shutdown'
  );
}

/** Whether nothing but the update called for the end of a task. */
function couldStay(tx: ReadTx, service: Service, task: Task): boolean {
  const node = tx.get('node', task.nodeId ?? '');
  const isServedAnyway = tx
    .tasksBySlot(service.id, task.slot)
    .some(({ status, desiredState }) => status.state === 'running' && desiredState === 'running');
  return (
    service.spec.mode.type === 'replicated' &&
    task.slot > 0 &&
    node?.status.state === 'ready' &&
    node.spec.availability !== 'drain' &&
    (service.spec.task.placement?.constraints ?? []).length === 0 &&
    !isServedAnyway
  );
}
