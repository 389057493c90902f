import { Controller, Inject } from '@nestjs/common';

import type { RequestOf, ResponseOf } from '@skep/contract';

import { Handles, Input } from '../../common/endpoint.decorator.ts';
import { HistoryReader } from '../../history/history-reader.ts';

@Controller()
export class HistoryController {
  constructor(@Inject(HistoryReader) private readonly history: HistoryReader) {}

  @Handles('listEvents')
  events(@Input() { query }: RequestOf<'listEvents'>): Promise<ResponseOf<'listEvents'>> {
    return this.history.events(query);
  }

  @Handles('listAudit')
  audit(@Input() { query }: RequestOf<'listAudit'>): Promise<ResponseOf<'listAudit'>> {
    return this.history.audit(query);
  }
}
