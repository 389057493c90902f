import type { z } from 'zod';

import type { Role } from '@skep/model';

/** Every right that an endpoint or a socket can ask for, as `<kind>.<verb>`. */
export const PERMISSIONS = [
  'cluster.read',
  'cluster.write',
  'joinToken.read',
  'joinToken.rotate',
  'cluster.backup',
  'unlockKey.read',
  'unlockKey.rotate',
  'node.read',
  'node.operate',
  'node.write',
  'service.read',
  'service.operate',
  'service.write',
  'task.read',
  'task.logs',
  'task.exec',
  'network.read',
  'network.write',
  'secret.read',
  'secret.write',
  'config.read',
  'config.write',
  'stack.read',
  'stack.write',
  'event.read',
  'audit.read',
  'token.own',
  'token.all',
  'user.read',
  'user.write',
  'setup.write',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** What an endpoint asks for: a permission, only a sign-in, or nothing. */
export type Access = Permission | 'signed-in' | 'public';

const VIEWER: readonly Permission[] = [
  'cluster.read',
  'node.read',
  'service.read',
  'task.read',
  'task.logs',
  'network.read',
  'secret.read',
  'config.read',
  'stack.read',
  'event.read',
  'token.own',
];

const OPERATOR: readonly Permission[] = [...VIEWER, 'service.operate', 'node.operate'];

const DEPLOYER: readonly Permission[] = [
  ...OPERATOR,
  'service.write',
  'task.exec',
  'network.write',
  'secret.write',
  'config.write',
  'stack.write',
];

/** The one table of roles: each holds what the one before it holds. Reading a secret means its name and labels. */
export const ROLE_PERMISSIONS: Readonly<Record<z.infer<typeof Role>, readonly Permission[]>> = {
  viewer: VIEWER,
  operator: OPERATOR,
  deployer: DEPLOYER,
  admin: PERMISSIONS,
};

/** Whether `role` holds `permission`. */
export function roleHolds(role: z.infer<typeof Role>, permission: Permission): boolean {
  return ROLE_PERMISSIONS[role].includes(permission);
}
