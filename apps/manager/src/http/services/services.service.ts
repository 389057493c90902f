import { Inject, Injectable } from '@nestjs/common';

import type { RequestOf, ResponseOf, ServiceView } from '@skep/contract';
import {
  createService,
  removeService,
  resolveService,
  restartService,
  rollbackService,
  scaleService,
  updateService,
  type ControlPlane,
  type WriteTx,
} from '@skep/controlplane';
import { ServiceSpec, type Service } from '@skep/model';

import { fieldChanges, summarize } from '../../common/diff.ts';
import { Ids } from '../../common/ids.ts';
import { hasLabel, isAny, toPage } from '../../common/list.ts';
import { mergePatch } from '../../common/merge-patch.ts';
import type { Caller } from '../../common/request-context.ts';
import { specTarget, versionOf } from '../../common/targets.ts';
import { validateValue } from '../../common/validate.ts';
import { Writer } from '../../common/writer.ts';
import { CONTROL_PLANE } from '../../tokens.ts';
import { stackLabel, toServiceView } from '../views.ts';

/** Which service, and the optimistic lock. */
interface Target {
  readonly ref: string;
  readonly query: { readonly version?: number | undefined };
}

interface Replaced {
  readonly before: Service | undefined;
  readonly after: Service;
}

interface Command {
  readonly action: string;
  readonly event: string;
  readonly detail?: string;
}

type Changed = ResponseOf<'putService'>;

@Injectable()
export class ServicesService {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(Writer) private readonly writer: Writer,
    @Inject(Ids) private readonly ids: Ids,
  ) {}

  list(query: RequestOf<'listServices'>['query']): ResponseOf<'listServices'> {
    const { mode, stack } = query;
    return this.controlPlane.view((tx) => {
      const services = tx
        .list('service')
        .filter(
          ({ spec, pendingDelete }) =>
            pendingDelete !== true &&
            isAny(mode, (wanted) => spec.mode.type === wanted) &&
            (stack === undefined || hasLabel(spec.labels, stackLabel(stack))),
        );
      const page = toPage(services, query, ({ id, spec }) => ({ id, name: spec.name, labels: spec.labels }));
      return { ...page, items: page.items.map((service) => toServiceView(tx, service)), rev: tx.logIndex };
    });
  }

  get(ref: string): ServiceView {
    return this.controlPlane.view((tx) => toServiceView(tx, resolveService(tx, ref)));
  }

  create(spec: ServiceSpec, caller: Caller): Promise<Changed> {
    return this.#change({ action: 'service.create', event: 'service.created' }, caller, (tx) => ({
      before: undefined,
      after: createService(tx, spec, this.ids),
    }));
  }

  /** Replaces the spec by what `toSpec` makes of the present one. */
  replace(
    change: Target & { readonly toSpec: (spec: ServiceSpec) => ServiceSpec; readonly detail?: string },
    caller: Caller,
  ): Promise<Changed> {
    const command = {
      action: 'service.update',
      event: 'service.updated',
      ...(change.detail === undefined ? {} : { detail: change.detail }),
    };
    return this.#change(command, caller, (tx) => {
      const before = resolveService(tx, change.ref);
      const spec = change.toSpec(before.spec);
      const after = updateService(tx, { service: before.id, spec, ...versionOf(change.query) });
      return { before, after };
    });
  }

  patch(change: Target & { readonly patch: unknown }, caller: Caller): Promise<Changed> {
    const toSpec = (spec: ServiceSpec): ServiceSpec =>
      validateValue(ServiceSpec, mergePatch(spec, change.patch));
    return this.replace({ ref: change.ref, query: change.query, toSpec }, caller);
  }

  scale(change: Target & { readonly replicas: number }, caller: Caller): Promise<Changed> {
    return this.#change({ action: 'service.scale', event: 'service.updated' }, caller, (tx) => {
      const before = resolveService(tx, change.ref);
      const input = { service: before.id, replicas: change.replicas, ...versionOf(change.query) };
      return { before, after: scaleService(tx, input) };
    });
  }

  rollback(target: Target, caller: Caller): Promise<Changed> {
    return this.#change({ action: 'service.rollback', event: 'service.updated' }, caller, (tx) => {
      const before = resolveService(tx, target.ref);
      return { before, after: rollbackService(tx, { service: before.id, ...versionOf(target.query) }) };
    });
  }

  restart(target: Target, caller: Caller): Promise<Changed> {
    return this.#change({ action: 'service.restart', event: 'service.updated' }, caller, (tx) => {
      const before = resolveService(tx, target.ref);
      return { before, after: restartService(tx, { service: before.id, ...versionOf(target.query) }) };
    });
  }

  async remove(ref: string, caller: Caller): Promise<ResponseOf<'removeService'>> {
    const target = specTarget('service');
    const { rev } = await this.writer.write(
      caller,
      {
        action: 'service.remove',
        target,
        events: (service) => [
          {
            action: 'service.removed',
            severity: 'info',
            target: target(service),
            message: `service ${service.spec.name} was removed by ${caller.actor.name}`,
          },
        ],
      },
      (tx) => removeService(tx, ref),
    );
    return { rev };
  }

  async #change(command: Command, caller: Caller, fn: (tx: WriteTx) => Replaced): Promise<Changed> {
    const target = specTarget('service');
    const { value, rev } = await this.writer.write<Replaced>(
      caller,
      {
        action: command.action,
        target: ({ after }) => target(after),
        detail: ({ before, after }) => detailOf(command, before, after),
        events: ({ after }) => [
          {
            action: command.event,
            severity: 'info',
            target: target(after),
            message: `service ${after.spec.name} was ${command.event.slice('service.'.length)} by ${caller.actor.name}`,
          },
        ],
      },
      (tx) => {
        const replaced = fn(tx);
        recordRevision(tx, replaced.after, caller);
        return replaced;
      },
    );
    return {
      rev,
      item: this.controlPlane.view((tx) => toServiceView(tx, resolveService(tx, value.after.id))),
    };
  }
}

/** Puts the spec into the history in the same entry, so that any of them can be gone back to. */
export function recordRevision(
  tx: WriteTx,
  service: Service,
  { actor }: Pick<Caller, 'actor'>,
  message?: string,
): void {
  tx.record({
    type: 'serviceRevision',
    atMs: tx.nowMs,
    actor,
    serviceId: service.id,
    revision: service.specVersion,
    spec: service.spec,
    ...(message === undefined ? {} : { message }),
  });
}

function detailOf(command: Command, before: Service | undefined, after: Service): string {
  const prefix = command.detail === undefined ? '' : `${command.detail}: `;
  return before === undefined
    ? `image ${after.spec.task.container.image}`
    : prefix + summarize(fieldChanges(before.spec, after.spec));
}
