import { Controller, Inject } from '@nestjs/common';

import type { RequestOf, ResponseOf, UserView } from '@skep/contract';

import { From, Handles, Input } from '../../common/endpoint.decorator.ts';
import type { Caller } from '../../common/request-context.ts';
import { UsersService } from './users.service.ts';

@Controller()
export class UsersController {
  constructor(@Inject(UsersService) private readonly users: UsersService) {}

  @Handles('listUsers')
  list(@Input() { query }: RequestOf<'listUsers'>): ResponseOf<'listUsers'> {
    return this.users.list(query);
  }

  @Handles('createUser')
  create(
    @Input() { body }: RequestOf<'createUser'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'createUser'>> {
    return this.users.create(body, caller);
  }

  @Handles('getUser')
  get(@Input() { params }: RequestOf<'getUser'>): UserView {
    return this.users.get(params.user);
  }

  @Handles('patchUser')
  patch(
    @Input() { params, body }: RequestOf<'patchUser'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'patchUser'>> {
    return this.users.patch(params.user, body, caller);
  }

  @Handles('removeUser')
  remove(
    @Input() { params }: RequestOf<'removeUser'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'removeUser'>> {
    return this.users.remove(params.user, caller);
  }
}
