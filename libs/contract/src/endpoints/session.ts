import { z } from 'zod';

import { UserName } from '@skep/model';

import { NoContent, endpoint } from '../endpoint.ts';
import { MeView } from '../views.ts';

/** Passwords are at least this long. */
export const PASSWORD_LENGTH_MIN = 12;

export const Password = z
  .string()
  .min(PASSWORD_LENGTH_MIN, `password must be at least ${String(PASSWORD_LENGTH_MIN)} characters long`)
  .max(1024);

export const BootstrapView = z.strictObject({
  /** `setup`: no administrator exists yet; the one-time link makes the first. */
  state: z.enum(['setup', 'ready']),
  build: z.string(),
  clusterName: z.string(),
  nodeName: z.string(),
});
export type BootstrapView = z.infer<typeof BootstrapView>;

export const SetupTokenView = z.strictObject({
  token: z.string(),
  /** Address of the console with the token behind `#`. */
  url: z.string(),
  expiresAtMs: z.int(),
});
export type SetupTokenView = z.infer<typeof SetupTokenView>;

export const sessionEndpoints = {
  getBootstrap: endpoint({
    method: 'GET',
    path: '/bootstrap',
    tag: 'bootstrap',
    summary: 'Whether the cluster already has an administrator',
    access: 'public',
    response: BootstrapView,
  }),
  setUp: endpoint({
    method: 'POST',
    path: '/bootstrap/setup',
    tag: 'bootstrap',
    summary: 'Create the first administrator with the one-time token, and sign in',
    access: 'public',
    status: 201,
    body: z.strictObject({
      token: z.string().min(1).max(200),
      username: UserName,
      password: Password,
      locale: z.string().max(35).optional(),
    }),
    response: MeView,
    example: { token: 'SKEPSET-...', username: 'admin', password: 'correct horse battery' },
  }),
  createSetupToken: endpoint({
    method: 'POST',
    path: '/bootstrap/setup-token',
    tag: 'bootstrap',
    summary: 'Make a new one-time set-up link (30 minutes); the one before it ends',
    access: 'setup.write',
    status: 201,
    response: SetupTokenView,
  }),
  signIn: endpoint({
    method: 'POST',
    path: '/session',
    tag: 'session',
    summary: 'Sign in with name and password; sets the session cookie',
    access: 'public',
    status: 201,
    body: z.strictObject({ username: z.string().min(1).max(64), password: z.string().min(1).max(1024) }),
    response: MeView,
    example: { username: 'admin', password: 'correct horse battery' },
  }),
  signOut: endpoint({
    method: 'DELETE',
    path: '/session',
    tag: 'session',
    summary: 'Sign out: the session ends on every manager',
    access: 'signed-in',
    status: 204,
    response: NoContent,
  }),
  getMe: endpoint({
    method: 'GET',
    path: '/me',
    tag: 'session',
    summary: 'Who the caller is and what they may do',
    access: 'signed-in',
    response: MeView,
  }),
  extendSession: endpoint({
    method: 'POST',
    path: '/session/extend',
    tag: 'session',
    summary: 'Keep the session: its end moves to 12 hours from now, never past 7 days from sign-in',
    access: 'signed-in',
    response: MeView,
  }),
  updateMe: endpoint({
    method: 'PATCH',
    path: '/me',
    tag: 'session',
    summary: 'Change the own language or password; a new password ends the other sessions',
    access: 'signed-in',
    body: z.strictObject({
      locale: z.string().max(35).optional(),
      password: z.strictObject({ current: z.string().min(1).max(1024), new: Password }).optional(),
    }),
    response: MeView,
    example: { locale: 'fr' },
  }),
};
