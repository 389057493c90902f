import { Inject, Injectable } from '@nestjs/common';

import { ROLE_PERMISSIONS, roleHolds, type RequestOf, type ResponseOf } from '@skep/contract';
import { createApiToken, removeApiToken, type ControlPlane, type ReadTx } from '@skep/controlplane';
import { SwarmError, type RandomBytes } from '@skep/kernel';
import type { ApiToken } from '@skep/model';

import { newCredential } from '../../auth/credential.ts';
import type { Principal } from '../../auth/principal.ts';
import { Ids } from '../../common/ids.ts';
import { toPage } from '../../common/list.ts';
import type { Caller } from '../../common/request-context.ts';
import { Writer } from '../../common/writer.ts';
import { CONTROL_PLANE, RANDOM_BYTES } from '../../tokens.ts';
import { toTokenView } from '../views.ts';

const TOKEN_PREFIX = 'SKEP-';
const TOKENS_PER_OWNER_MAX = 100;
const DAY_MS = 86_400_000;

@Injectable()
export class TokensService {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(Writer) private readonly writer: Writer,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(RANDOM_BYTES) private readonly randomBytes: RandomBytes,
  ) {}

  list(query: RequestOf<'listTokens'>['query'], principal: Principal): ResponseOf<'listTokens'> {
    return this.controlPlane.view((tx) => {
      const visible = tx.list('apiToken').filter((token) => maySee(principal, token));
      const page = toPage(visible, query, ({ id, name }) => ({ id, name }));
      return { ...page, items: page.items.map((token) => toTokenView(tx, token)), rev: tx.logIndex };
    });
  }

  /** @throws SwarmError `permission_denied` for a role that holds more than the caller's. */
  async create(body: RequestOf<'createToken'>['body'], caller: Caller): Promise<ResponseOf<'createToken'>> {
    const { principal } = caller;
    const isMore = ROLE_PERMISSIONS[body.role].some((permission) => !roleHolds(principal.role, permission));
    if (isMore) {
      throw new SwarmError(
        'permission_denied',
        `a ${principal.role} cannot make a token with the role ${body.role}`,
      );
    }
    const credential = newCredential(TOKEN_PREFIX, this.randomBytes);
    const { value, rev } = await this.writer.write(
      caller,
      { action: 'token.create', target: targetOf, detail: `role ${body.role}, ${String(body.days)} days` },
      (tx) => {
        const ownerId = ownerIdOf(principal);
        if (tx.list('apiToken').filter((token) => token.ownerId === ownerId).length >= TOKENS_PER_OWNER_MAX) {
          throw new SwarmError(
            'resource_exhausted',
            `${String(TOKENS_PER_OWNER_MAX)} tokens exist; remove some first`,
          );
        }
        const expiresAtMs = tx.nowMs + body.days * DAY_MS;
        const { name, role } = body;
        return createApiToken(
          tx,
          { name, role, ownerId, tokenSha256: credential.sha256, expiresAtMs },
          this.ids,
        );
      },
    );
    const item = this.controlPlane.view((tx) => toTokenView(tx, findToken(tx, value.id)));
    return { rev, item, token: credential.text };
  }

  async remove(ref: string, caller: Caller): Promise<ResponseOf<'removeToken'>> {
    const { rev } = await this.writer.write(caller, { action: 'token.remove', target: targetOf }, (tx) => {
      const token = findToken(tx, ref);
      if (!maySee(caller.principal, token)) {
        throw new SwarmError('not_found', `API token ${ref} not found`);
      }
      return removeApiToken(tx, token.id);
    });
    return { rev };
  }
}

/** By id, or by name where only one token has it. */
function findToken(tx: ReadTx, ref: string): ApiToken {
  const named = tx.list('apiToken').filter(({ name }) => name === ref);
  const token = tx.get('apiToken', ref) ?? (named.length === 1 ? named[0] : undefined);
  if (token === undefined) {
    throw new SwarmError(
      named.length > 1 ? 'invalid_argument' : 'not_found',
      named.length > 1 ? `several API tokens are named ${ref}; give the id` : `API token ${ref} not found`,
    );
  }
  return token;
}

/** Tokens made on the local socket belong to `local`: they go on whoever leaves. */
function ownerIdOf(principal: Principal): string {
  return principal.userId ?? 'local';
}

function maySee(principal: Principal, token: ApiToken): boolean {
  return roleHolds(principal.role, 'token.all') || token.ownerId === ownerIdOf(principal);
}

function targetOf(token: ApiToken): { kind: string; id: string; name: string } {
  return { kind: 'token', id: token.id, name: token.name };
}
