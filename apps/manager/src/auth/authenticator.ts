import type { IncomingMessage } from 'node:http';

import { Inject, Injectable } from '@nestjs/common';

import type { ControlPlane } from '@skep/controlplane';
import { SwarmError, type Clock } from '@skep/kernel';
import { Actor, Role as RoleSchema } from '@skep/model';

import { contextOf, type RequestContext } from '../common/request-context.ts';
import type { ManagerConfig } from '../config.ts';
import { CLOCK, CONFIG, CONTROL_PLANE } from '../tokens.ts';
import { readCookie, sessionCookieName } from './cookies.ts';
import { sha256Of } from './credential.ts';
import {
  NO_PRINCIPAL,
  PRINCIPAL_HEADER,
  VIA_HEADER,
  localPrincipal,
  parsePrincipal,
  type Principal,
} from './principal.ts';

type Role = Principal['role'];

/** Finds out who sends a request: the local socket, a session cookie, an API token. */
@Injectable()
export class Authenticator {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(CONFIG) private readonly config: ManagerConfig,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * The principal of a request; undefined when it brings no credentials.
   * @throws SwarmError `unauthenticated` for credentials that are unknown or have ended.
   */
  authenticate(request: IncomingMessage): Principal | undefined {
    const context = contextOf(request);
    if (context.principal !== undefined) {
      return context.principal;
    }
    const principal = this.#find(request, context);
    if (principal !== undefined) {
      context.principal = principal;
    }
    return principal;
  }

  #find(request: IncomingMessage, context: RequestContext): Principal | undefined {
    const via = headerText(request, VIA_HEADER);
    if (context.door === 'local') {
      const forwarded = headerText(request, PRINCIPAL_HEADER);
      if (forwarded === NO_PRINCIPAL) {
        return undefined;
      }
      return forwarded === undefined ? localPrincipal(this.config.hostname, via) : parsePrincipal(forwarded);
    }
    const authorization = headerText(request, 'authorization');
    if (authorization !== undefined) {
      const bearer = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
      if (bearer === undefined) {
        throw new SwarmError('unauthenticated', 'authorization must be "Bearer <API token>"');
      }
      return this.#byToken(bearer, context, via);
    }
    const cookie = readCookie(headerText(request, 'cookie'), sessionCookieName(context.isSecure));
    return cookie === undefined ? undefined : this.#bySession(cookie, context);
  }

  #byToken(text: string, context: RequestContext, via: string | undefined): Principal {
    const found = this.controlPlane.view((tx) => {
      const token = tx.apiTokenBySha256(sha256Of(text));
      return token === undefined ? undefined : { token, owner: tx.get('user', token.ownerId) };
    });
    if (found === undefined) {
      throw new SwarmError('unauthenticated', 'the API token is not known; it may have been removed');
    }
    const { token, owner } = found;
    if (token.expiresAtMs <= this.clock.nowMs()) {
      throw new SwarmError('unauthenticated', `the API token "${token.name}" has expired`);
    }
    if (owner?.disabled === true) {
      throw new SwarmError('unauthenticated', `the owner of the API token "${token.name}" is disabled`);
    }
    const parsed = Actor.shape.via.safeParse(via);
    return {
      kind: 'token',
      id: `token:${token.name}`,
      name: token.name,
      role: lesserRole(token.role, owner?.role),
      tokenId: token.id,
      ...(owner === undefined ? {} : { userId: owner.id }),
      from: context.from,
      via: parsed.success ? parsed.data : 'api',
    };
  }

  #bySession(cookie: string, context: RequestContext): Principal {
    const found = this.controlPlane.view((tx) => {
      const session = tx.sessionBySha256(sha256Of(cookie));
      const user = session === undefined ? undefined : tx.get('user', session.userId);
      return session === undefined || user === undefined ? undefined : { session, user };
    });
    const nowMs = this.clock.nowMs();
    if (found === undefined || found.session.expiresAtMs <= nowMs || found.session.endsAtMs <= nowMs) {
      throw new SwarmError('unauthenticated', 'the session has ended; sign in again');
    }
    const { session, user } = found;
    if (user.disabled === true) {
      throw new SwarmError('unauthenticated', `the account "${user.name}" is disabled`);
    }
    return {
      kind: 'user',
      id: `user:${user.name}`,
      name: user.name,
      role: user.role,
      userId: user.id,
      sessionId: session.id,
      ...(user.locale === undefined ? {} : { locale: user.locale }),
      sessionExpiresAtMs: session.expiresAtMs,
      from: context.from,
      via: 'console',
    };
  }
}

/** A token never holds more than its owner does now. */
function lesserRole(role: Role, ownerRole: Role | undefined): Role {
  const order = RoleSchema.options;
  return ownerRole !== undefined && order.indexOf(ownerRole) < order.indexOf(role) ? ownerRole : role;
}

export function headerText(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * Guards what a browser does with its cookie against other sites (on top of SameSite=Strict): the origin must be this
 * one, and changes need a header that no form can send.
 * @throws SwarmError `permission_denied`.
 */
export function assertSameOrigin(request: IncomingMessage, options: { readonly isChange: boolean }): void {
  const origin = headerText(request, 'origin');
  if (origin !== undefined && hostOf(origin) !== headerText(request, 'host')) {
    throw new SwarmError('permission_denied', `requests from ${origin} are not accepted with a session`);
  }
  if (options.isChange && headerText(request, 'x-requested-with') === undefined) {
    throw new SwarmError(
      'permission_denied',
      'changes with a session need the header X-Requested-With; programs should use an API token',
    );
  }
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
