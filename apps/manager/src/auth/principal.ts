import { z } from 'zod';

import { Actor, Role } from '@skep/model';

/** Who makes a request, once established. It travels as JSON when a follower forwards the request to the leader. */
export const Principal = z.strictObject({
  kind: z.enum(['user', 'token', 'local']),
  /** `user:<name>`, `token:<name>` or `local:root@<host>`: the name in audit entries. */
  id: z.string(),
  name: z.string(),
  role: Role,
  userId: z.string().optional(),
  sessionId: z.string().optional(),
  tokenId: z.string().optional(),
  locale: z.string().optional(),
  sessionExpiresAtMs: z.int().optional(),
  from: z.string(),
  via: Actor.shape.via,
});
export type Principal = z.infer<typeof Principal>;

/** Header by which a follower's principal arrives on the leader's own local socket. */
export const PRINCIPAL_HEADER = 'x-skep-principal';
/** Its value for requests that need no sign-in. */
export const NO_PRINCIPAL = 'none';
/** Header by which local clients say what they are: `cli`, `docker`, `api`. */
export const VIA_HEADER = 'x-skep-via';

export function actorOf(principal: Principal): Actor {
  return { name: principal.id, from: principal.from, via: principal.via };
}

/** The administrator that stands behind the local socket. */
export function localPrincipal(hostname: string, via: string | undefined): Principal {
  const parsed = Actor.shape.via.safeParse(via);
  return {
    kind: 'local',
    id: `local:root@${hostname}`,
    name: `root@${hostname}`,
    role: 'admin',
    from: hostname,
    via: parsed.success ? parsed.data : 'cli',
  };
}

/** Reads a forwarded principal. @throws when it has not the form this build writes. */
export function parsePrincipal(text: string): Principal {
  return Principal.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
}

export function formatPrincipal(principal: Principal): string {
  return Buffer.from(JSON.stringify(principal), 'utf8').toString('base64url');
}
