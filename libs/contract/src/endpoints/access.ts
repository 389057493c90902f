import { z } from 'zod';

import { Role, UserName } from '@skep/model';

import { endpoint } from '../endpoint.ts';
import { Ref, Removed, changed, listShape, page } from '../query.ts';
import { TokenView, UserView } from '../views.ts';
import { Password } from './session.ts';

export const TokenCreated = z.object({
  rev: z.int(),
  item: TokenView,
  /** The token itself: shown once, stored only as a digest. */
  token: z.string(),
});
export type TokenCreated = z.infer<typeof TokenCreated>;

export const accessEndpoints = {
  listUsers: endpoint({
    method: 'GET',
    path: '/users',
    tag: 'access',
    summary: 'Users and their roles',
    access: 'user.read',
    query: z.strictObject(listShape),
    response: page(UserView),
  }),
  createUser: endpoint({
    method: 'POST',
    path: '/users',
    tag: 'access',
    summary: 'Create a user',
    access: 'user.write',
    status: 201,
    body: z.strictObject({
      name: UserName,
      role: Role,
      password: Password,
      locale: z.string().max(35).optional(),
    }),
    response: changed(UserView),
    example: { name: 'ada', role: 'deployer', password: 'correct horse battery' },
  }),
  getUser: endpoint({
    method: 'GET',
    path: '/users/:user',
    tag: 'access',
    summary: 'One user, by id or name',
    access: 'user.read',
    params: z.strictObject({ user: Ref }),
    response: UserView,
  }),
  patchUser: endpoint({
    method: 'PATCH',
    path: '/users/:user',
    tag: 'access',
    summary: 'Change role or password, disable or enable; the last administrator cannot lose the role',
    access: 'user.write',
    params: z.strictObject({ user: Ref }),
    body: z.strictObject({
      role: Role.optional(),
      password: Password.optional(),
      disabled: z.boolean().optional(),
      locale: z.string().max(35).optional(),
    }),
    response: changed(UserView),
    example: { role: 'operator' },
  }),
  removeUser: endpoint({
    method: 'DELETE',
    path: '/users/:user',
    tag: 'access',
    summary: 'Remove a user with their sessions and tokens',
    access: 'user.write',
    params: z.strictObject({ user: Ref }),
    response: Removed,
  }),
  listTokens: endpoint({
    method: 'GET',
    path: '/tokens',
    tag: 'access',
    summary: 'API tokens: the own ones; an administrator sees all',
    access: 'token.own',
    query: z.strictObject(listShape),
    response: page(TokenView),
  }),
  createToken: endpoint({
    method: 'POST',
    path: '/tokens',
    tag: 'access',
    summary: 'Create an API token; it is shown once. Its role is at most that of its owner',
    access: 'token.own',
    status: 201,
    body: z.strictObject({
      name: z.string().min(1).max(128),
      role: Role,
      /** Days until it ends, 1 to 366. */
      days: z.int().min(1).max(366),
    }),
    response: TokenCreated,
    example: { name: 'ci', role: 'deployer', days: 90 },
  }),
  removeToken: endpoint({
    method: 'DELETE',
    path: '/tokens/:token',
    tag: 'access',
    summary: 'Remove a token: it no longer works on any manager',
    access: 'token.own',
    params: z.strictObject({ token: Ref }),
    response: Removed,
  }),
};
