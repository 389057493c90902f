import { X509Certificate, createPrivateKey, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const LIFETIME_SECONDS = 300;

/** What the service was asked: whose token, for which scopes. */
export interface TokenQuestion {
  readonly account: string | null;
  readonly scopes: readonly string[];
}

export interface TokenService {
  readonly realm: string;
  readonly asked: TokenQuestion[];
  stop(): void;
}

/**
 * A token service as the distribution project describes it: Basic credentials in, a signed JSON web token out that
 * grants what was asked for. It knows one account.
 */
export async function startTokenService(options: {
  readonly service: string;
  readonly issuer: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly username: string;
  readonly password: string;
}): Promise<TokenService> {
  const certificate = new X509Certificate(readFileSync(options.certificateFile));
  const key = createPrivateKey(readFileSync(options.keyFile));
  const asked: TokenQuestion[] = [];
  const wanted = `Basic ${Buffer.from(`${options.username}:${options.password}`).toString('base64')}`;

  function issue(scopes: readonly string[]): string {
    const now = Math.floor(Date.now() / 1000);
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
    const access = scopes.map((scope) => {
      const [type, name, actions = ''] = scope.split(':');
      return { type, name, actions: actions.split(',') };
    });
    const head = encode({ typ: 'JWT', alg: 'ES256', x5c: [certificate.raw.toString('base64')] });
    const body = encode({
      iss: options.issuer,
      sub: options.username,
      aud: options.service,
      nbf: now - 10,
      iat: now,
      exp: now + LIFETIME_SECONDS,
      jti: randomUUID(),
      access,
    });
    const signature = sign('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' });
    return `${head}.${body}.${signature.toString('base64url')}`;
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://service');
    const scopes = url.searchParams.getAll('scope');
    asked.push({ account: url.searchParams.get('account'), scopes });
    const isKnown = request.headers.authorization === wanted;
    response
      .writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' })
      .end(isKnown ? JSON.stringify({ token: issue(scopes), expires_in: LIFETIME_SECONDS }) : '{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    realm: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/token`,
    asked,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
