import { SwarmError } from '@skep/kernel';
import { z } from 'zod';

import { parseBody } from './body.ts';
import { decodeBase64 } from './payload.ts';

/** What a client says of itself to a registry: body of `POST /auth`, and header `X-Registry-Auth` in base 64. */
export const DockerAuthConfig = z.object({
  username: z.string().optional(),
  password: z.string().optional(),
  auth: z.string().optional(),
  email: z.string().optional(),
  serveraddress: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});
export type DockerAuthConfig = z.infer<typeof DockerAuthConfig>;

/**
 * Decodes the header `X-Registry-Auth`. Undefined when it is absent, empty, or carries no credentials: clients send
 * an empty object for anonymous access.
 * @throws SwarmError `invalid_argument` when it is not base 64 of JSON. The text itself is never repeated.
 */
export function parseRegistryAuth(header: string | undefined): DockerAuthConfig | undefined {
  if (header === undefined || header === '') {
    return undefined;
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(decodeBase64(header, 'X-Registry-Auth')));
  } catch (error) {
    throw new SwarmError('invalid_argument', 'invalid X-Registry-Auth header: it must be JSON in base 64', {
      cause: error,
    });
  }
  const auth = parseBody(DockerAuthConfig, json);
  const hasCredentials = [auth.username, auth.identitytoken, auth.registrytoken, auth.auth].some(
    (value) => value !== undefined && value !== '',
  );
  return hasCredentials ? auth : undefined;
}
