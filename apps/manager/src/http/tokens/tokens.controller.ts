import { Controller, Inject } from '@nestjs/common';

import type { RequestOf, ResponseOf } from '@skep/contract';

import { From, Handles, Input } from '../../common/endpoint.decorator.ts';
import type { Caller } from '../../common/request-context.ts';
import { TokensService } from './tokens.service.ts';

@Controller()
export class TokensController {
  constructor(@Inject(TokensService) private readonly tokens: TokensService) {}

  @Handles('listTokens')
  list(@Input() { query }: RequestOf<'listTokens'>, @From() caller: Caller): ResponseOf<'listTokens'> {
    return this.tokens.list(query, caller.principal);
  }

  @Handles('createToken')
  create(
    @Input() { body }: RequestOf<'createToken'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'createToken'>> {
    return this.tokens.create(body, caller);
  }

  @Handles('removeToken')
  remove(
    @Input() { params }: RequestOf<'removeToken'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'removeToken'>> {
    return this.tokens.remove(params.token, caller);
  }
}
