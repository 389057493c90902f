import { Inject, Injectable } from '@nestjs/common';

import {
  STACK_SOURCE_BYTES_MAX,
  type FieldProblem,
  type Plan,
  type PlanAction,
  type RequestOf,
  type ResponseOf,
  type StackView,
} from '@skep/contract';
import type { StackSpecs } from '@skep/compose';
import {
  deployStack,
  objectsOfStack,
  removeStack,
  resolveStack,
  type ControlPlane,
  type WriteTx,
} from '@skep/controlplane';
import { SwarmError } from '@skep/kernel';
import type { Stack } from '@skep/model';

import { Ids } from '../../common/ids.ts';
import { toPage } from '../../common/list.ts';
import type { Caller } from '../../common/request-context.ts';
import { Writer } from '../../common/writer.ts';
import { composeError, readCompose, type ComposeText } from '../../stacks/compose.port.ts';
import { toPlan, toPlanAction, type PlannedObject } from '../../stacks/plan-builder.ts';
import { Planner, toBlockers } from '../../stacks/planner.ts';
import { CONTROL_PLANE } from '../../tokens.ts';
import { recordRevision } from '../services/services.service.ts';
import { toStackView } from '../views.ts';

type DeployBody = RequestOf<'deployStack'>['body'];

interface Deployed {
  readonly stack: Stack;
  readonly actions: readonly PlanAction[];
}

@Injectable()
export class StacksService {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(Writer) private readonly writer: Writer,
    @Inject(Planner) private readonly planner: Planner,
    @Inject(Ids) private readonly ids: Ids,
  ) {}

  list(query: RequestOf<'listStacks'>['query']): ResponseOf<'listStacks'> {
    return this.controlPlane.view((tx) => {
      const page = toPage(tx.list('stack'), query, ({ id, name }) => ({ id, name }));
      return { ...page, items: page.items.map((stack) => toStackView(tx, stack)), rev: tx.logIndex };
    });
  }

  find(name: string): Stack {
    return this.controlPlane.view((tx) => resolveStack(tx, name));
  }

  get(name: string): StackView {
    return this.controlPlane.view((tx) => toStackView(tx, resolveStack(tx, name)));
  }

  async plan(text: ComposeText, caller: Caller): Promise<Plan> {
    assertSize(text.source);
    const { stack, errors, warnings } = readCompose(text);
    const baseRev = this.controlPlane.appliedRev();
    if (stack === undefined) {
      return toPlan({ baseRev, actions: [], warnings, blockers: errors });
    }
    try {
      const body = { source: text.source, prune: true };
      const { actions } = await this.planner.rehearse(caller, (tx) =>
        this.#deploy(tx, stack, { body, caller }),
      );
      return toPlan({ baseRev, actions, warnings });
    } catch (error: unknown) {
      return toPlan({ baseRev, actions: [], warnings, blockers: toBlockers(error) });
    }
  }

  /** @throws SwarmError `invalid_argument` with all errors at line and column; `version_conflict` for an outdated plan. */
  async deploy(name: string, body: DeployBody, caller: Caller): Promise<ResponseOf<'deployStack'>> {
    assertSize(body.source);
    const { stack, errors, warnings } = readCompose({ name, ...body });
    if (stack === undefined) {
      throw composeError(errors);
    }
    const baseRev = this.controlPlane.appliedRev();
    const { value, rev } = await this.writer.write<Deployed>(
      caller,
      {
        action: 'stack.deploy',
        target: (deployed) => ({ kind: 'stack', id: deployed.stack.id, name }),
        detail: (deployed) => summaryOf(deployed),
        events: (deployed) => [
          {
            action: 'stack.deployed',
            severity: 'info',
            target: { kind: 'stack', id: deployed.stack.id, name },
            message: `stack ${name} revision ${String(deployed.stack.revision)} was deployed by ${caller.actor.name}`,
          },
        ],
      },
      (tx) => {
        const deployed = this.#deploy(tx, stack, { body, caller });
        assertPlan(body.planId, deployed.actions);
        recordHistory(tx, deployed, caller);
        return deployed;
      },
    );
    return {
      rev,
      item: this.get(name),
      plan: toPlan({ baseRev, actions: value.actions, warnings }),
      ...(warnings.length === 0 ? {} : { warnings: warnings.map(sentenceOf) }),
    };
  }

  async remove(name: string, caller: Caller): Promise<ResponseOf<'removeStack'>> {
    const { rev } = await this.writer.write(
      caller,
      {
        action: 'stack.remove',
        target: { kind: 'stack', name },
        events: () => [
          {
            action: 'stack.removed',
            severity: 'info',
            target: { kind: 'stack', name },
            message: `stack ${name} was removed by ${caller.actor.name}`,
          },
        ],
      },
      (tx) => removeStack(tx, name),
    );
    return { rev };
  }

  #deploy(
    tx: WriteTx,
    stack: StackSpecs,
    { body, caller }: { readonly body: DeployBody; readonly caller: Caller },
  ): Deployed {
    const before = snapshotOf(tx, stack.name);
    const result = deployStack(
      tx,
      {
        name: stack.name,
        networks: stack.networks.filter(({ isExternal }) => !isExternal).map(({ spec }) => spec),
        secrets: ownPayloads(stack.secrets),
        configs: ownPayloads(stack.configs),
        services: stack.services,
        prune: body.prune !== false,
        source: body.source,
        ...(body.variables === undefined ? {} : { variables: body.variables }),
        deployedBy: caller.principal.name,
        ...(body.message === undefined ? {} : { message: body.message }),
      },
      this.ids,
    );
    const actions = result.changes.map((change) =>
      toPlanAction(tx, {
        ...change,
        before: before.get(change.id),
        after: tx.get(change.kind, change.id),
      }),
    );
    return { stack: result.stack, actions };
  }
}

/** Everything of the stack by id, before the deploy; objects it takes over from outside are found by name. */
function snapshotOf(tx: WriteTx, name: string): ReadonlyMap<string, PlannedObject> {
  const { services, networks, secrets, configs } = objectsOfStack(tx, name);
  const objects: PlannedObject[] = [...services, ...networks, ...secrets, ...configs];
  return new Map(objects.map((object) => [object.id, object]));
}

function ownPayloads(
  payloads: StackSpecs['secrets'],
): { spec: { name: string; labels: Record<string, string> }; data: Uint8Array }[] {
  return payloads.flatMap(({ name, labels, data }) =>
    data === undefined ? [] : [{ spec: { name, labels: { ...labels } }, data }],
  );
}

function recordHistory(tx: WriteTx, { stack, actions }: Deployed, caller: Caller): void {
  const touched = new Set(
    actions
      .filter(({ kind, op }) => kind === 'service' && (op === 'create' || op === 'update'))
      .map(({ name }) => name),
  );
  for (const service of objectsOfStack(tx, stack.name).services) {
    if (touched.has(service.spec.name)) {
      recordRevision(
        tx,
        service,
        caller,
        stack.message ?? `stack ${stack.name} revision ${String(stack.revision)}`,
      );
    }
  }
  tx.record({
    type: 'stackRevision',
    atMs: tx.nowMs,
    stackId: stack.id,
    stackName: stack.name,
    revision: stack.revision,
    source: stack.source ?? '',
    ...(stack.variables === undefined ? {} : { variables: stack.variables }),
    deployedBy: stack.deployedBy,
    ...(stack.message === undefined ? {} : { message: stack.message }),
  });
}

function assertPlan(planId: string | undefined, actions: readonly PlanAction[]): void {
  if (planId === undefined) {
    return;
  }
  const now = toPlan({ baseRev: 0, actions });
  if (now.planId !== planId) {
    throw new SwarmError(
      'version_conflict',
      'the cluster changed since this was planned; look at the new plan',
      {
        details: { reason: 'plan.stale', planId: now.planId },
      },
    );
  }
}

function assertSize(source: string): void {
  const bytes = Buffer.byteLength(source, 'utf8');
  if (bytes > STACK_SOURCE_BYTES_MAX) {
    throw new SwarmError(
      'too_large',
      `the stack text is ${String(bytes)} bytes; it may have ${String(STACK_SOURCE_BYTES_MAX)}`,
      { fields: [{ path: 'source', code: 'too_large', message: 'is too long' }] },
    );
  }
}

const OPS: readonly [PlanAction['op'], string][] = [
  ['create', 'created'],
  ['update', 'updated'],
  ['replace', 'replaced'],
  ['remove', 'removed'],
];

function summaryOf({ stack, actions }: Deployed): string {
  const parts = OPS.flatMap(([op, word]) => {
    const named = actions.filter((action) => action.op === op).map(({ kind, name }) => `${kind} ${name}`);
    return named.length === 0 ? [] : [`${word} ${named.join(', ')}`];
  });
  return `revision ${String(stack.revision)}: ${parts.length === 0 ? 'nothing changed' : parts.join('; ')}`;
}

function sentenceOf({ line, column, message }: FieldProblem): string {
  return line === undefined ? message : `line ${String(line)}, column ${String(column ?? 1)}: ${message}`;
}
