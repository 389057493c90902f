import { SwarmError } from '@skep/kernel';
import { z } from 'zod';
import { parseAuthChallenges } from '../core/auth-challenge.ts';

/** Who we are to a registry. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

const TOKEN_LIFETIME_DEFAULT_SECONDS = 60;
/** A token is renewed this long before it ends. */
const TOKEN_MARGIN_MS = 10_000;

const tokenResponseSchema = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
});

/** Fetches a token; a seam so that this file holds no connection. */
export type TokenFetch = (request: {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Record<string, string>;
  readonly body?: string;
}) => Promise<{ readonly status: number; readonly body: string }>;

/**
 * Answers the challenges of one registry (Docker's token authentication, and Basic) and remembers the answers by scope.
 */
export class RegistryAuthenticator {
  readonly #credentials: Credentials;
  readonly #fetch: TokenFetch;
  readonly #tokens = new Map<string, { header: string; expiresAtMs: number }>();

  constructor(credentials: Credentials, fetch: TokenFetch) {
    this.#credentials = credentials;
    this.#fetch = fetch;
  }

  /** The `Authorization` header that was good for this scope before, or undefined. */
  known(scope: string): string | undefined {
    if (this.#credentials.registryToken !== undefined) {
      return `Bearer ${this.#credentials.registryToken}`;
    }
    const token = this.#tokens.get(scope);
    return token !== undefined && token.expiresAtMs - TOKEN_MARGIN_MS > Date.now() ? token.header : undefined;
  }

  /** The `Authorization` header that answers a 401, or undefined when we have nothing to answer with. */
  async answer(challengeHeader: string, scope: string): Promise<string | undefined> {
    const challenges = parseAuthChallenges(challengeHeader);
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    if (bearer !== undefined) {
      return this.#fetchToken(bearer.parameters, scope);
    }
    const { username, password } = this.#credentials;
    const hasBasic = challenges.some((challenge) => challenge.scheme === 'basic');
    if (!hasBasic || username === undefined) {
      return undefined;
    }
    const header = basicHeader(username, password ?? '');
    this.#tokens.set(scope, { header, expiresAtMs: Number.POSITIVE_INFINITY });
    return header;
  }

  async #fetchToken(
    parameters: Readonly<Record<string, string>>,
    scope: string,
  ): Promise<string | undefined> {
    const realm = parameters['realm'];
    if (realm === undefined || !URL.canParse(realm)) {
      throw new SwarmError(
        'unauthenticated',
        'the registry asks for a token but does not say where to get one',
      );
    }
    const response = await this.#requestToken(realm, parameters['service'], parameters['scope'] ?? scope);
    if (response.status === 401 || response.status === 403) {
      return undefined;
    }
    if (response.status !== 200) {
      throw new SwarmError('unavailable', `the token service ${realm} answered ${String(response.status)}`);
    }
    const parsed = tokenResponseSchema.safeParse(parseJson(response.body));
    const token = parsed.success ? (parsed.data.token ?? parsed.data.access_token) : undefined;
    if (!parsed.success || token === undefined || token === '') {
      throw new SwarmError('unauthenticated', `the token service ${realm} answered without a token`);
    }
    const lifetimeMs = (parsed.data.expires_in ?? TOKEN_LIFETIME_DEFAULT_SECONDS) * 1000;
    const header = `Bearer ${token}`;
    this.#tokens.set(scope, { header, expiresAtMs: Date.now() + Math.max(lifetimeMs, 30_000) });
    return header;
  }

  #requestToken(
    realm: string,
    service: string | undefined,
    scope: string,
  ): Promise<{ status: number; body: string }> {
    const { username, password, identityToken } = this.#credentials;
    if (identityToken !== undefined) {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: identityToken,
        client_id: 'skep',
        scope,
        ...(service === undefined ? {} : { service }),
      });
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      return this.#fetch({ url: realm, method: 'POST', headers, body: form.toString() });
    }
    const url = new URL(realm);
    if (service !== undefined) {
      url.searchParams.set('service', service);
    }
    for (const part of scope.split(' ').filter((text) => text !== '')) {
      url.searchParams.append('scope', part);
    }
    const headers: Record<string, string> = {};
    if (username !== undefined) {
      url.searchParams.set('account', username);
      headers['authorization'] = basicHeader(username, password ?? '');
    }
    return this.#fetch({ url: url.toString(), method: 'GET', headers });
  }
}

function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new SwarmError('unauthenticated', 'the token service answered with something that is not JSON', {
      cause,
    });
  }
}
