import { Inject, Injectable } from '@nestjs/common';

import {
  createSession,
  extendSession,
  removeEndedAccess,
  removeSession,
  type ControlPlane,
} from '@skep/controlplane';
import { SwarmError, type Clock, type RandomBytes } from '@skep/kernel';
import type { User } from '@skep/model';

import { Ids } from '../common/ids.ts';
import type { RequestContext } from '../common/request-context.ts';
import { LEADER_WAIT_MS } from '../common/leader-door.ts';
import { CLOCK, CONTROL_PLANE, RANDOM_BYTES } from '../tokens.ts';
import { newCredential } from './credential.ts';
import { PasswordHasher } from './password.ts';
import { SignInThrottle } from './sign-in-throttle.ts';
import type { Principal } from './principal.ts';

/** A session ends 12 hours after its last use, and after 7 days in any case. */
export const SESSION_SLIDING_MS = 12 * 3_600_000;
export const SESSION_ABSOLUTE_MS = 7 * 86_400_000;
/** The end is moved at most this often, so that reading costs no write. */
const EXTEND_EVERY_MS = 60_000;

export interface OpenedSession {
  readonly principal: Principal;
  readonly cookie: string;
  readonly maxAgeSeconds: number;
}

/** Sign-in, sign-out and the life of sessions, which are replicated: any manager knows them. */
@Injectable()
export class SessionService {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(PasswordHasher) private readonly hasher: PasswordHasher,
    @Inject(SignInThrottle) private readonly throttle: SignInThrottle,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(RANDOM_BYTES) private readonly randomBytes: RandomBytes,
  ) {}

  /** @throws SwarmError `unauthenticated` with the same words for an unknown name and a wrong password; `resource_exhausted`. */
  async signIn(
    credentials: { readonly username: string; readonly password: string },
    context: RequestContext,
  ): Promise<OpenedSession> {
    const keys = [`address:${context.from}`, `account:${credentials.username.toLowerCase()}`];
    this.throttle.check(keys);
    const user = this.controlPlane.view((tx) => tx.byName('user', credentials.username));
    const isRight = await this.hasher.verify(user?.passwordHash, credentials.password);
    if (!isRight || user === undefined || user.disabled === true) {
      this.throttle.failed(keys);
      throw new SwarmError('unauthenticated', 'name or password is wrong');
    }
    this.throttle.succeeded(keys);
    return this.open(user, context);
  }

  /** Opens a session for a user who has proved who they are. */
  async open(user: User, context: RequestContext): Promise<OpenedSession> {
    const credential = newCredential('', this.randomBytes);
    const { value: expiresAtMs } = await this.controlPlane.update(
      {
        actor: { name: `user:${user.name}`, from: context.from, via: 'console' },
        requestId: context.requestId,
        timeoutMs: LEADER_WAIT_MS,
        audit: { action: 'session.create', target: { kind: 'user', id: user.id, name: user.name } },
      },
      (tx) => {
        removeEndedAccess(tx);
        return createSession(
          tx,
          {
            userId: user.id,
            cookieSha256: credential.sha256,
            expiresAtMs: tx.nowMs + SESSION_SLIDING_MS,
            endsAtMs: tx.nowMs + SESSION_ABSOLUTE_MS,
            from: context.from,
          },
          this.ids,
        ).expiresAtMs;
      },
    );
    return {
      cookie: credential.text,
      maxAgeSeconds: SESSION_ABSOLUTE_MS / 1000,
      principal: {
        kind: 'user',
        id: `user:${user.name}`,
        name: user.name,
        role: user.role,
        userId: user.id,
        ...(user.locale === undefined ? {} : { locale: user.locale }),
        sessionExpiresAtMs: expiresAtMs,
        from: context.from,
        via: 'console',
      },
    };
  }

  async signOut(principal: Principal, requestId: string): Promise<void> {
    const { sessionId } = principal;
    if (sessionId === undefined) {
      return;
    }
    await this.controlPlane.update(
      {
        actor: { name: principal.id, from: principal.from, via: principal.via },
        requestId,
        timeoutMs: LEADER_WAIT_MS,
        audit: { action: 'session.remove', target: { kind: 'user', name: principal.name } },
      },
      (tx) => removeSession(tx, sessionId),
    );
  }

  /** Whether the session's end should be moved now. */
  needsExtension(principal: Principal): boolean {
    const { sessionExpiresAtMs } = principal;
    return (
      sessionExpiresAtMs !== undefined &&
      sessionExpiresAtMs - this.clock.nowMs() < SESSION_SLIDING_MS - EXTEND_EVERY_MS
    );
  }

  /** Moves the end of a session, which never passes its absolute end. Answers the new end. */
  async extend(principal: Principal, requestId: string): Promise<number> {
    const { value } = await this.controlPlane.update(
      {
        actor: { name: principal.id, from: principal.from, via: principal.via },
        requestId,
        timeoutMs: LEADER_WAIT_MS,
      },
      (tx) => {
        const sessionId = principal.sessionId ?? '';
        extendSession(tx, sessionId, tx.nowMs + SESSION_SLIDING_MS);
        return tx.get('session', sessionId)?.expiresAtMs;
      },
    );
    if (value === undefined) {
      throw new SwarmError('unauthenticated', 'the session has ended; sign in again');
    }
    return value;
  }
}
