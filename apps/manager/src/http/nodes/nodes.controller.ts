import { Controller, Inject } from '@nestjs/common';

import type { NodeView, RequestOf, ResponseOf } from '@skep/contract';

import { From, Handles, Input } from '../../common/endpoint.decorator.ts';
import type { Caller } from '../../common/request-context.ts';
import { NodesService } from './nodes.service.ts';

@Controller()
export class NodesController {
  constructor(@Inject(NodesService) private readonly nodes: NodesService) {}

  @Handles('listNodes')
  list(@Input() { query }: RequestOf<'listNodes'>): ResponseOf<'listNodes'> {
    return this.nodes.list(query);
  }

  @Handles('getNode')
  get(@Input() { params }: RequestOf<'getNode'>): NodeView {
    return this.nodes.get(params.node);
  }

  @Handles('patchNode')
  patch(@Input() input: RequestOf<'patchNode'>, @From() caller: Caller): Promise<ResponseOf<'patchNode'>> {
    return this.nodes.patch(input, caller);
  }

  @Handles('putNode')
  put(@Input() input: RequestOf<'putNode'>, @From() caller: Caller): Promise<ResponseOf<'putNode'>> {
    return this.nodes.put(input, caller);
  }

  @Handles('removeNode')
  remove(
    @Input() { params, query }: RequestOf<'removeNode'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'removeNode'>> {
    return this.nodes.remove(params.node, query.force === true, caller);
  }

  @Handles('promoteNode')
  promote(
    @Input() { params }: RequestOf<'promoteNode'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'promoteNode'>> {
    return this.nodes.setRole(params.node, 'manager', caller);
  }

  @Handles('demoteNode')
  demote(
    @Input() { params }: RequestOf<'demoteNode'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'demoteNode'>> {
    return this.nodes.setRole(params.node, 'worker', caller);
  }
}
