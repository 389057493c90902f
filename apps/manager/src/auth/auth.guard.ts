import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';

import { ENDPOINTS, roleHolds, type Access, type Endpoint, type Operation } from '@skep/contract';
import type { ControlPlane } from '@skep/controlplane';
import { SwarmError } from '@skep/kernel';

import { operationOf } from '../common/endpoint.decorator.ts';
import { FailureAudit } from '../common/failure-audit.ts';
import { contextOf } from '../common/request-context.ts';
import { CONTROL_PLANE } from '../tokens.ts';
import { Authenticator, assertSameOrigin } from './authenticator.ts';
import type { Principal } from './principal.ts';
import { SessionKeeper } from './session-keeper.ts';

/** Lets a request through when its principal holds what the table asks for. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(SessionKeeper) private readonly keeper: SessionKeeper,
    @Inject(FailureAudit) private readonly failures: FailureAudit,
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const operation = operationOf(context);
    if (operation === undefined) {
      return true;
    }
    const endpoint: Endpoint = ENDPOINTS[operation];
    const request = context.switchToHttp().getRequest<Request>();
    if (endpoint.access === 'public') {
      return true;
    }
    const principal = this.authenticator.authenticate(request);
    if (principal?.kind === 'user' && !contextOf(request).isForwarded) {
      assertSameOrigin(request, { isChange: endpoint.method !== 'GET' });
    }
    this.keeper.used(contextOf(request));
    this.#assertAccess(operation, request, principal);
    return true;
  }

  /** Refused changes are audited, which only the leader can do: a follower leaves the refusal to it. */
  #assertAccess(operation: Operation, request: Request, principal: Principal | undefined): void {
    const endpoint: Endpoint = ENDPOINTS[operation];
    try {
      assertAccess(principal, endpoint.access);
    } catch (error: unknown) {
      if (endpoint.isWrite && principal !== undefined && this.controlPlane.status().isLeader) {
        this.failures.note(operation, request, error);
      } else if (endpoint.isWrite && principal !== undefined && !contextOf(request).isForwarded) {
        return;
      }
      throw error;
    }
  }
}

/** @throws SwarmError `unauthenticated` or `permission_denied`, naming what is missing. */
export function assertAccess(
  principal: Principal | undefined,
  access: Access,
): asserts principal is Principal {
  if (principal === undefined) {
    throw new SwarmError(
      'unauthenticated',
      'sign in, or send an API token as "Authorization: Bearer <token>"',
    );
  }
  if (access !== 'signed-in' && access !== 'public' && !roleHolds(principal.role, access)) {
    throw new SwarmError(
      'permission_denied',
      `${principal.name} has the role ${principal.role}, which does not hold ${access}`,
      { details: { permission: access, role: principal.role } },
    );
  }
}
