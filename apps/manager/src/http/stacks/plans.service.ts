import { Inject, Injectable } from '@nestjs/common';

import type { Plan, PlanAction, PlanRequest } from '@skep/contract';
import {
  createService,
  resolveService,
  scaleService,
  updateService,
  type ControlPlane,
  type WriteTx,
} from '@skep/controlplane';
import type { Service, ServiceSpec } from '@skep/model';

import { Ids } from '../../common/ids.ts';
import type { Caller } from '../../common/request-context.ts';
import { toPlan, toPlanAction } from '../../stacks/plan-builder.ts';
import { Planner, toBlockers } from '../../stacks/planner.ts';
import { CONTROL_PLANE } from '../../tokens.ts';
import { StacksService } from './stacks.service.ts';

/** Plans of single changes: what would happen, and what stands in the way. */
@Injectable()
export class PlansService {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(Planner) private readonly planner: Planner,
    @Inject(StacksService) private readonly stacks: StacksService,
    @Inject(Ids) private readonly ids: Ids,
  ) {}

  async plan(request: PlanRequest, caller: Caller): Promise<Plan> {
    if (request.kind === 'stack') {
      return this.stacks.plan(request, caller);
    }
    const baseRev = this.controlPlane.appliedRev();
    try {
      const action = await this.planner.rehearse(caller, (tx) =>
        request.kind === 'scale'
          ? planChange(tx, request.service, (before) =>
              scaleService(tx, { service: before.id, replicas: request.replicas }),
            )
          : this.#planService(tx, request.service, request.spec),
      );
      return toPlan({ baseRev, actions: [action] });
    } catch (error: unknown) {
      return toPlan({ baseRev, actions: [], blockers: toBlockers(error) });
    }
  }

  #planService(tx: WriteTx, ref: string | undefined, spec: ServiceSpec): PlanAction {
    if (ref !== undefined) {
      return planChange(tx, ref, (before) => updateService(tx, { service: before.id, spec }));
    }
    const after = createService(tx, spec, this.ids);
    return toPlanAction(tx, {
      kind: 'service',
      op: 'create',
      id: after.id,
      name: spec.name,
      before: undefined,
      after,
    });
  }
}

function planChange(tx: WriteTx, ref: string, change: (before: Service) => Service): PlanAction {
  const before = resolveService(tx, ref);
  const after = change(before);
  const isSame = JSON.stringify(before.spec) === JSON.stringify(after.spec);
  return toPlanAction(tx, {
    kind: 'service',
    op: isSame ? 'none' : 'update',
    id: before.id,
    name: before.spec.name,
    before,
    after,
  });
}
