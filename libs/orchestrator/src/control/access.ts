import { SwarmError } from '@skep/kernel';
import type { ApiToken, Role, Session, User } from '@skep/model';
import type { ReadTx, WriteTx } from '@skep/store';

import { assertVersion, type ControlEnv } from './env.ts';
import { notFound, resolveUser } from './resolve.ts';

export interface CreateUserInput {
  readonly name: string;
  readonly role: Role;
  /** Argon2id in PHC form. */
  readonly passwordHash: string;
  readonly locale?: string;
}

/** @throws SwarmError `name_conflict`. */
export function createUser(tx: WriteTx, input: CreateUserInput, env: ControlEnv): User {
  return tx.create('user', { id: env.newId(), ...input });
}

export interface UpdateUserInput {
  /** Id or name. */
  readonly user: string;
  readonly role?: Role;
  readonly passwordHash?: string;
  readonly disabled?: boolean;
  readonly locale?: string;
  readonly version?: number;
}

/**
 * Changes a user. A new password, a smaller role or disabling ends the user's sessions.
 * @throws SwarmError `failed_precondition` when no administrator would be left.
 */
export function updateUser(tx: WriteTx, input: UpdateUserInput): User {
  const user = resolveUser(tx, input.user);
  assertVersion(user, input.version);
  const { user: _ref, version: _version, ...changes } = input;
  const next: User = { ...user, ...changes };
  assertAdminLeft(tx, user, next);
  const updated = tx.update('user', next);
  if (input.passwordHash !== undefined || next.role !== user.role || next.disabled === true) {
    removeSessionsOf(tx, user.id);
  }
  return updated;
}

/** Removes a user with its sessions and API tokens. @throws SwarmError `failed_precondition` for the last administrator. */
export function removeUser(tx: WriteTx, ref: string): User {
  const user = resolveUser(tx, ref);
  assertAdminLeft(tx, user, undefined);
  removeSessionsOf(tx, user.id);
  for (const token of tx.list('apiToken')) {
    if (token.ownerId === user.id) {
      tx.remove('apiToken', token.id);
    }
  }
  tx.remove('user', user.id, { version: user.version });
  return user;
}

const isAdmin = (user: User | undefined): boolean => user?.role === 'admin' && user.disabled !== true;

function assertAdminLeft(tx: ReadTx, before: User, after: User | undefined): void {
  if (!isAdmin(before) || isAdmin(after)) {
    return;
  }
  const others = tx.list('user').filter((user) => user.id !== before.id && isAdmin(user));
  if (others.length === 0) {
    throw new SwarmError(
      'failed_precondition',
      `user ${before.name} is the last administrator; make another user one first`,
    );
  }
}

/** Ends all browser sessions of a user; answers how many. */
export function removeSessionsOf(tx: WriteTx, userId: string): number {
  const sessions = tx.list('session').filter((session) => session.userId === userId);
  sessions.forEach((session) => tx.remove('session', session.id));
  return sessions.length;
}

export type CreateApiTokenInput = Pick<ApiToken, 'name' | 'role' | 'ownerId' | 'tokenSha256' | 'expiresAtMs'>;

/** @throws SwarmError `name_conflict` when the owner has a token of that name, `invalid_argument` for a past end. */
export function createApiToken(tx: WriteTx, input: CreateApiTokenInput, env: ControlEnv): ApiToken {
  if (input.expiresAtMs <= tx.nowMs) {
    throw new SwarmError('invalid_argument', 'the token would be expired already; choose a later end');
  }
  return tx.create('apiToken', { id: env.newId(), ...input });
}

/** By id. @throws SwarmError `not_found`. */
export function removeApiToken(tx: WriteTx, id: string): ApiToken {
  const token = tx.get('apiToken', id);
  if (token === undefined) {
    throw notFound('apiToken', id);
  }
  tx.remove('apiToken', id);
  return token;
}

export type CreateSessionInput = Pick<
  Session,
  'userId' | 'cookieSha256' | 'expiresAtMs' | 'endsAtMs' | 'from'
>;

/** Most sessions of one user; the oldest end first. */
const SESSIONS_PER_USER_MAX = 50;

/** Opens a browser session. Removes sessions of the user that have ended, and the oldest over 50. */
export function createSession(tx: WriteTx, input: CreateSessionInput, env: ControlEnv): Session {
  const own = tx
    .list('session')
    .filter((session) => session.userId === input.userId)
    .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
  const ended = own.filter((session) => isEnded(session, tx.nowMs));
  const live = own.filter((session) => !isEnded(session, tx.nowMs));
  const surplus = live.slice(0, Math.max(0, live.length - SESSIONS_PER_USER_MAX + 1));
  [...ended, ...surplus].forEach((session) => tx.remove('session', session.id));
  return tx.create('session', { id: env.newId(), ...input });
}

/** Whether a session is over, by its sliding or its absolute end. */
export function isEnded(session: Session, nowMs: number): boolean {
  return nowMs >= session.expiresAtMs || nowMs >= session.endsAtMs;
}

/** Moves the sliding end of a session. False when it is gone. */
export function extendSession(tx: WriteTx, id: string, expiresAtMs: number): boolean {
  const session = tx.get('session', id);
  if (session === undefined) {
    return false;
  }
  tx.patch('session', id, { expiresAtMs: Math.min(expiresAtMs, session.endsAtMs) });
  return true;
}

/** Ends one session. False when it is gone. */
export function removeSession(tx: WriteTx, id: string): boolean {
  return tx.remove('session', id);
}

/** Removes at most 100 sessions and API tokens that ended; answers how many. */
export function removeEndedAccess(tx: WriteTx): number {
  const sessions = tx.list('session').filter((session) => isEnded(session, tx.nowMs));
  const ended = sessions.slice(0, 100);
  ended.forEach((session) => tx.remove('session', session.id));
  return ended.length;
}
