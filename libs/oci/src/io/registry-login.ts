import { SwarmError, isSwarmError } from '@skep/kernel';
import type { Credentials } from './registry-auth.ts';
import type { RegistryConfig } from './registry-config.ts';
import { RegistryConnection, discard } from './registry-connection.ts';

/**
 * Asks a registry whether it takes these credentials (`docker login`).
 * @throws SwarmError `unauthenticated` when it does not, `unavailable` when it cannot be reached.
 */
export async function checkRegistryLogin(
  domain: string,
  config: RegistryConfig,
  credentials: Credentials,
): Promise<void> {
  const connection = new RegistryConnection(domain, config, credentials);
  const refused = (cause?: unknown): SwarmError =>
    new SwarmError('unauthenticated', `login attempt to ${domain} failed with status: 401 Unauthorized`, {
      cause,
    });
  try {
    const response = await connection.send({ method: 'GET', path: '/v2/', scope: '' });
    await discard(response);
    if (response.status === 401 || response.status === 403) {
      throw refused();
    }
    if (response.status !== 200) {
      throw new SwarmError(
        'unavailable',
        `login attempt to ${domain} failed: the registry answered ${String(response.status)}`,
      );
    }
  } catch (error: unknown) {
    throw isSwarmError(error, 'permission_denied') ? refused(error) : error;
  } finally {
    await connection.close();
  }
}
