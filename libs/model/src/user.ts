import { z } from 'zod';

import { objectMetaShape } from './meta.ts';

/** viewer reads; operator also restarts, scales and drains; deployer also deploys and writes secrets; admin does all. */
export const Role = z.enum(['viewer', 'operator', 'deployer', 'admin']);
export type Role = z.infer<typeof Role>;

export const UserName = z
  .string()
  .min(1)
  .max(64)
  .regex(
    /^[a-z0-9][a-z0-9._-]*$/,
    'must be lower-case letters, digits, . _ - and begin with a letter or digit',
  );

export const User = z.strictObject({
  ...objectMetaShape,
  name: UserName,
  role: Role,
  /** Argon2id in PHC string form. */
  passwordHash: z.string(),
  disabled: z.boolean().optional(),
  locale: z.string().optional(),
});
export type User = z.infer<typeof User>;

/** A token for automation. Only the SHA-256 of its secret is stored. */
export const ApiToken = z.strictObject({
  ...objectMetaShape,
  name: z.string().min(1).max(128),
  role: Role,
  ownerId: z.string(),
  tokenSha256: z.string(),
  expiresAtMs: z.int(),
});
export type ApiToken = z.infer<typeof ApiToken>;

/** A browser session; replicated, so any manager knows it. Only the SHA-256 of the cookie is stored. */
export const Session = z.strictObject({
  ...objectMetaShape,
  userId: z.string(),
  cookieSha256: z.string(),
  /** Sliding end; moved at most once a minute. */
  expiresAtMs: z.int(),
  /** Absolute end. */
  endsAtMs: z.int(),
  from: z.string(),
});
export type Session = z.infer<typeof Session>;
