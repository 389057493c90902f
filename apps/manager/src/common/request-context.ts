import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import type { Actor } from '@skep/model';

import type { Principal } from '../auth/principal.ts';

/** Which door a request came through. `local` is the unix socket, whose users are administrators. */
export type Door = 'local' | 'network';

/** What is known of a request beside its content. */
export interface RequestContext {
  readonly requestId: string;
  readonly door: Door;
  readonly isSecure: boolean;
  /** A follower sent it on to this manager, the leader. */
  readonly isForwarded: boolean;
  /** Address of the client; the host's name on the local socket. */
  readonly from: string;
  principal?: Principal;
}

/** Headers that go with a forwarded request; they count on the local socket only. */
export const FROM_HEADER = 'x-skep-from';
export const SECURE_HEADER = 'x-skep-secure';

/** The caller of an operation: who, and the id that ties logs, audit and tasks together. */
export interface Caller {
  readonly principal: Principal;
  readonly actor: Actor;
  readonly requestId: string;
}

const contexts = new WeakMap<IncomingMessage, RequestContext>();

/** Remembers what is known of a request; called once, where it arrives. */
export function openContext(
  request: IncomingMessage,
  door: { readonly door: Door; readonly isSecure: boolean; readonly hostname: string },
): RequestContext {
  const isLocal = door.door === 'local';
  const forwardedFrom = isLocal ? request.headers[FROM_HEADER] : undefined;
  const context: RequestContext = {
    requestId: requestIdOf(request),
    door: door.door,
    isSecure: isLocal ? request.headers[SECURE_HEADER] === '1' : door.isSecure,
    isForwarded: typeof forwardedFrom === 'string',
    from:
      typeof forwardedFrom === 'string'
        ? forwardedFrom
        : isLocal
          ? door.hostname
          : plainAddress(request.socket.remoteAddress),
  };
  contexts.set(request, context);
  return context;
}

/** An IPv4 address that arrived on an IPv6 socket in its usual form. */
function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'unknown';
}

/** @throws Error when the request did not come through one of the doors: a programming error. */
export function contextOf(request: IncomingMessage): RequestContext {
  const context = contexts.get(request);
  if (context === undefined) {
    throw new Error('the request has no context');
  }
  return context;
}

const REQUEST_ID_PATTERN = /^[A-Za-z0-9_-]{8,64}$/;

/** Trace id of a W3C `traceparent`, an `x-request-id` of sane form, or a new id of 16 hexadecimal digits. */
function requestIdOf(request: IncomingMessage): string {
  const traceparent = request.headers['traceparent'];
  const trace = typeof traceparent === 'string' ? /^00-([0-9a-f]{32})-/.exec(traceparent)?.[1] : undefined;
  if (trace !== undefined) {
    return trace;
  }
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID_PATTERN.test(given) ? given : randomBytes(8).toString('hex');
}
