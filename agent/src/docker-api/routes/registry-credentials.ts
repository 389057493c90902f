import { decodeBase64, parseRegistryAuth, type DockerAuthConfig } from '@skep/docker-api';

import type { RegistryCredentials } from '../../engine/image-api.ts';
import type { Exchange } from '../exchange.ts';

/** What the client says of itself to the registry, in the header `X-Registry-Auth`. Never logged. */
export function credentialsOf(exchange: Exchange): { readonly credentials?: RegistryCredentials } {
  const auth = parseRegistryAuth(exchange.header('x-registry-auth'));
  return auth === undefined ? {} : { credentials: toCredentials(auth) };
}

/** Credentials as the engine takes them. */
export function toCredentials(auth: DockerAuthConfig): RegistryCredentials {
  const [user, ...rest] = auth.auth
    ? new TextDecoder().decode(decodeBase64(auth.auth, 'auth')).split(':')
    : [auth.username, auth.password ?? ''];
  return {
    ...(user ? { username: user, password: rest.join(':') } : {}),
    ...(auth.identitytoken ? { identityToken: auth.identitytoken } : {}),
    ...(auth.registrytoken ? { registryToken: auth.registrytoken } : {}),
  };
}
