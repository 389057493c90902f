import { Controller, Inject } from '@nestjs/common';

import type { ConfigDataView, RequestOf, ResponseOf, SecretView } from '@skep/contract';

import { From, Handles, Input } from '../../common/endpoint.decorator.ts';
import type { Caller } from '../../common/request-context.ts';
import { PayloadsService } from './payloads.service.ts';

/** Secrets and configs: the same life, but that nobody reads a secret. */
@Controller()
export class PayloadsController {
  constructor(@Inject(PayloadsService) private readonly payloads: PayloadsService) {}

  @Handles('listSecrets')
  listSecrets(@Input() { query }: RequestOf<'listSecrets'>): ResponseOf<'listSecrets'> {
    return this.payloads.listSecrets(query);
  }

  @Handles('createSecret')
  createSecret(
    @Input() { body }: RequestOf<'createSecret'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'createSecret'>> {
    return this.payloads.createSecret(body, caller);
  }

  @Handles('getSecret')
  getSecret(@Input() { params }: RequestOf<'getSecret'>): SecretView {
    return this.payloads.getSecret(params.secret);
  }

  @Handles('patchSecret')
  patchSecret(
    @Input() input: RequestOf<'patchSecret'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'patchSecret'>> {
    return this.payloads.patchSecret(input, caller);
  }

  @Handles('removeSecret')
  removeSecret(
    @Input() { params }: RequestOf<'removeSecret'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'removeSecret'>> {
    return this.payloads.removeSecret(params.secret, caller);
  }

  @Handles('listConfigs')
  listConfigs(@Input() { query }: RequestOf<'listConfigs'>): ResponseOf<'listConfigs'> {
    return this.payloads.listConfigs(query);
  }

  @Handles('createConfig')
  createConfig(
    @Input() { body }: RequestOf<'createConfig'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'createConfig'>> {
    return this.payloads.createConfig(body, caller);
  }

  @Handles('getConfig')
  getConfig(@Input() { params }: RequestOf<'getConfig'>): ConfigDataView {
    return this.payloads.getConfig(params.config);
  }

  @Handles('patchConfig')
  patchConfig(
    @Input() input: RequestOf<'patchConfig'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'patchConfig'>> {
    return this.payloads.patchConfig(input, caller);
  }

  @Handles('removeConfig')
  removeConfig(
    @Input() { params }: RequestOf<'removeConfig'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'removeConfig'>> {
    return this.payloads.removeConfig(params.config, caller);
  }
}
