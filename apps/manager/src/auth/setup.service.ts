import { Inject, Injectable } from '@nestjs/common';

import { createUser, setSetupLink, theCluster, type ControlPlane } from '@skep/controlplane';
import { SwarmError, type Clock, type RandomBytes } from '@skep/kernel';
import type { Cluster, User } from '@skep/model';
import type { SetupTokenView } from '@skep/contract';

import { Ids } from '../common/ids.ts';
import { LEADER_WAIT_MS } from '../common/leader-door.ts';
import type { Caller, RequestContext } from '../common/request-context.ts';
import { toUpdateContext } from '../common/writer.ts';
import { apiUrl, type ManagerConfig } from '../config.ts';
import { CLOCK, CONFIG, CONTROL_PLANE, RANDOM_BYTES } from '../tokens.ts';
import { isSameDigest, newCredential, sha256Of } from './credential.ts';
import { PasswordHasher } from './password.ts';
import { SignInThrottle } from './sign-in-throttle.ts';

const TOKEN_PREFIX = 'SKEPSET-';
const TOKEN_LIFE_MS = 30 * 60_000;

export interface FirstAdministrator {
  readonly token: string;
  readonly username: string;
  readonly password: string;
  readonly locale?: string | undefined;
}

/** The one-time link by which the first administrator is made. Root on a manager can always make a new one. */
@Injectable()
export class SetupService {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(CONFIG) private readonly config: ManagerConfig,
    @Inject(PasswordHasher) private readonly hasher: PasswordHasher,
    @Inject(SignInThrottle) private readonly throttle: SignInThrottle,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(RANDOM_BYTES) private readonly randomBytes: RandomBytes,
  ) {}

  isSetUp(): boolean {
    return this.controlPlane.view((tx) => tx.count('user') > 0);
  }

  /** @throws SwarmError `permission_denied` for anyone but root on a manager host. */
  async createToken(caller: Caller): Promise<SetupTokenView> {
    if (caller.principal.kind !== 'local') {
      throw new SwarmError(
        'permission_denied',
        'set-up links are made on a manager host, by root: swarm setup-link',
      );
    }
    const credential = newCredential(TOKEN_PREFIX, this.randomBytes);
    const { value: expiresAtMs } = await this.controlPlane.update(
      toUpdateContext(caller, { action: 'setup.token', target: { kind: 'cluster' } }),
      (tx) => {
        const end = tx.nowMs + TOKEN_LIFE_MS;
        setSetupLink(tx, { tokenSha256: credential.sha256, expiresAtMs: end });
        return end;
      },
    );
    return {
      token: credential.text,
      url: `${this.#consoleUrl()}/setup#token=${credential.text}`,
      expiresAtMs,
    };
  }

  /**
   * Makes an administrator and uses the token up, in one entry.
   * @throws SwarmError `unauthenticated` for a token that is wrong, used or too old; `name_conflict`.
   */
  async setUp(request: FirstAdministrator, context: RequestContext): Promise<User> {
    const keys = [`address:${context.from}`, 'setup'];
    this.throttle.check(keys);
    const digest = sha256Of(request.token);
    const assertToken = (cluster: Cluster, nowMs: number): void => {
      const { setup } = cluster;
      if (setup === undefined || setup.expiresAtMs <= nowMs || !isSameDigest(setup.tokenSha256, digest)) {
        this.throttle.failed(keys);
        throw new SwarmError(
          'unauthenticated',
          'the set-up link is wrong, used or older than 30 minutes; print another on a manager host: swarm setup-link',
        );
      }
    };
    this.controlPlane.view((tx) => {
      assertToken(theCluster(tx), this.clock.nowMs());
    });
    const passwordHash = await this.hasher.hash(request.password);
    const { value } = await this.controlPlane.update(
      {
        actor: { name: `user:${request.username}`, from: context.from, via: 'console' },
        requestId: context.requestId,
        timeoutMs: LEADER_WAIT_MS,
        audit: (user: User) => ({ action: 'setup', target: { kind: 'user', id: user.id, name: user.name } }),
      },
      (tx) => {
        assertToken(theCluster(tx), tx.nowMs);
        setSetupLink(tx, undefined);
        return createUser(
          tx,
          {
            name: request.username,
            role: 'admin',
            passwordHash,
            ...(request.locale === undefined ? {} : { locale: request.locale }),
          },
          this.ids,
        );
      },
    );
    return value;
  }

  #consoleUrl(): string {
    return apiUrl(this.config);
  }
}
