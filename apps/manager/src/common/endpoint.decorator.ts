import {
  HttpCode,
  RequestMapping,
  RequestMethod,
  SetMetadata,
  applyDecorators,
  createParamDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import type { Request } from 'express';

import {
  API_PREFIX,
  ENDPOINTS,
  type Endpoint as TableRow,
  type Operation,
  type RequestOf,
} from '@skep/contract';

import { actorOf } from '../auth/principal.ts';
import { contextOf, type Caller } from './request-context.ts';
import { validate } from './validate.ts';

export const OPERATION_KEY = 'skep:operation';

const METHODS = {
  GET: RequestMethod.GET,
  POST: RequestMethod.POST,
  PUT: RequestMethod.PUT,
  PATCH: RequestMethod.PATCH,
  DELETE: RequestMethod.DELETE,
} as const;

/** Makes a method the handler of one row of the contract's table: method, path, status, permission and schemas. */
export function Handles(operation: Operation): MethodDecorator {
  const row: TableRow = ENDPOINTS[operation];
  return applyDecorators(
    RequestMapping({ path: API_PREFIX + row.path, method: METHODS[row.method] }),
    HttpCode(row.status),
    SetMetadata(OPERATION_KEY, operation),
  );
}

/** The operation a handler stands for; undefined for handlers outside the table (health checks, metrics). */
export function operationOf(context: ExecutionContext): Operation | undefined {
  return Reflect.getMetadata(OPERATION_KEY, context.getHandler()) as Operation | undefined;
}

/** The validated path parameters, query and body of the request, as `RequestOf<operation>`. */
export const Input = createParamDecorator((_: unknown, context: ExecutionContext): RequestOf<Operation> => {
  const operation = operationOf(context);
  if (operation === undefined) {
    throw new Error('Input is for methods with Handles');
  }
  const request = context.switchToHttp().getRequest<Request>();
  return validate(ENDPOINTS[operation], request) as RequestOf<Operation>;
});

/** Who asks. */
export const From = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { principal, requestId } = contextOf(context.switchToHttp().getRequest<Request>());
  if (principal === undefined) {
    throw new Error('From is for operations that need a sign-in');
  }
  return { principal, actor: actorOf(principal), requestId };
});
