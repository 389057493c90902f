import { Controller, Inject } from '@nestjs/common';

import type { Plan, RequestOf, ResponseOf, StackView } from '@skep/contract';
import { SwarmError } from '@skep/kernel';

import { From, Handles, Input } from '../../common/endpoint.decorator.ts';
import type { Caller } from '../../common/request-context.ts';
import { HistoryReader } from '../../history/history-reader.ts';
import { PlansService } from './plans.service.ts';
import { StacksService } from './stacks.service.ts';

@Controller()
export class StacksController {
  constructor(
    @Inject(StacksService) private readonly stacks: StacksService,
    @Inject(PlansService) private readonly plans: PlansService,
    @Inject(HistoryReader) private readonly history: HistoryReader,
  ) {}

  @Handles('listStacks')
  list(@Input() { query }: RequestOf<'listStacks'>): ResponseOf<'listStacks'> {
    return this.stacks.list(query);
  }

  @Handles('getStack')
  get(@Input() { params }: RequestOf<'getStack'>): StackView {
    return this.stacks.get(params.stack);
  }

  @Handles('deployStack')
  deploy(
    @Input() { params, body }: RequestOf<'deployStack'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'deployStack'>> {
    return this.stacks.deploy(params.stack, body, caller);
  }

  @Handles('planStack')
  plan(@Input() { params, body }: RequestOf<'planStack'>, @From() caller: Caller): Promise<Plan> {
    return this.stacks.plan({ name: params.stack, ...body }, caller);
  }

  @Handles('getStackSource')
  async source(
    @Input() { params, query }: RequestOf<'getStackSource'>,
  ): Promise<ResponseOf<'getStackSource'>> {
    const stack = this.stacks.find(params.stack);
    if (query.revision !== undefined && query.revision !== stack.revision) {
      return this.history.stackSource(stack.id, query.revision);
    }
    if (stack.source === undefined) {
      throw new SwarmError(
        'not_found',
        `stack ${stack.name} was deployed by a client that sends objects and no text`,
      );
    }
    return {
      name: stack.name,
      revision: stack.revision,
      source: stack.source,
      ...(stack.variables === undefined ? {} : { variables: stack.variables }),
      deployedBy: stack.deployedBy,
      deployedAtMs: stack.updatedAtMs,
      ...(stack.message === undefined ? {} : { message: stack.message }),
    };
  }

  @Handles('listStackRevisions')
  revisions(
    @Input() { params, query }: RequestOf<'listStackRevisions'>,
  ): Promise<ResponseOf<'listStackRevisions'>> {
    return this.history.stackRevisions(this.stacks.find(params.stack).id, query);
  }

  @Handles('removeStack')
  remove(
    @Input() { params }: RequestOf<'removeStack'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'removeStack'>> {
    return this.stacks.remove(params.stack, caller);
  }

  @Handles('createPlan')
  createPlan(@Input() { body }: RequestOf<'createPlan'>, @From() caller: Caller): Promise<Plan> {
    return this.plans.plan(body, caller);
  }
}
