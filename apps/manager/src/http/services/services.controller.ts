import { Controller, Inject } from '@nestjs/common';

import type { RequestOf, ResponseOf, ServiceView } from '@skep/contract';

import { From, Handles, Input } from '../../common/endpoint.decorator.ts';
import type { Caller } from '../../common/request-context.ts';
import { HistoryReader } from '../../history/history-reader.ts';
import { ServicesService } from './services.service.ts';

@Controller()
export class ServicesController {
  constructor(
    @Inject(ServicesService) private readonly services: ServicesService,
    @Inject(HistoryReader) private readonly history: HistoryReader,
  ) {}

  @Handles('listServices')
  list(@Input() { query }: RequestOf<'listServices'>): ResponseOf<'listServices'> {
    return this.services.list(query);
  }

  @Handles('createService')
  create(
    @Input() { body }: RequestOf<'createService'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'createService'>> {
    return this.services.create(body, caller);
  }

  @Handles('getService')
  get(@Input() { params }: RequestOf<'getService'>): ServiceView {
    return this.services.get(params.service);
  }

  @Handles('putService')
  put(
    @Input() { params, query, body }: RequestOf<'putService'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'putService'>> {
    return this.services.replace({ ref: params.service, query, toSpec: () => body }, caller);
  }

  @Handles('patchService')
  patch(
    @Input() { params, query, body }: RequestOf<'patchService'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'patchService'>> {
    return this.services.patch({ ref: params.service, query, patch: body }, caller);
  }

  @Handles('removeService')
  remove(
    @Input() { params }: RequestOf<'removeService'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'removeService'>> {
    return this.services.remove(params.service, caller);
  }

  @Handles('scaleService')
  scale(
    @Input() { params, query, body }: RequestOf<'scaleService'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'scaleService'>> {
    return this.services.scale({ ref: params.service, query, replicas: body.replicas }, caller);
  }

  @Handles('rollbackService')
  async rollback(
    @Input() { params, query, body }: RequestOf<'rollbackService'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'rollbackService'>> {
    const target = { ref: params.service, query };
    if (body?.revision === undefined) {
      return this.services.rollback(target, caller);
    }
    const { id } = this.services.get(params.service);
    const spec = await this.history.serviceSpec(id, body.revision);
    return this.services.replace(
      { ...target, toSpec: () => spec, detail: `to revision ${String(body.revision)}` },
      caller,
    );
  }

  @Handles('restartService')
  restart(
    @Input() { params, query }: RequestOf<'restartService'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'restartService'>> {
    return this.services.restart({ ref: params.service, query }, caller);
  }

  @Handles('listServiceRevisions')
  listRevisions(
    @Input() { params, query }: RequestOf<'listServiceRevisions'>,
  ): Promise<ResponseOf<'listServiceRevisions'>> {
    return this.history.serviceRevisions(this.services.get(params.service).id, query);
  }
}
