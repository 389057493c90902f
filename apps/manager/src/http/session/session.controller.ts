import { Controller, Inject, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';

import type { BootstrapView, MeView, RequestOf, SetupTokenView } from '@skep/contract';
import type { ControlPlane } from '@skep/controlplane';

import { formatSessionCookie } from '../../auth/cookies.ts';
import { SessionService, type OpenedSession } from '../../auth/session.service.ts';
import { SetupService } from '../../auth/setup.service.ts';
import { From, Handles, Input } from '../../common/endpoint.decorator.ts';
import { contextOf, type Caller } from '../../common/request-context.ts';
import { BUILD, type ManagerConfig } from '../../config.ts';
import { CONFIG, CONTROL_PLANE } from '../../tokens.ts';
import { UsersService } from '../users/users.service.ts';
import { toMeView } from '../views.ts';

@Controller()
export class SessionController {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(CONFIG) private readonly config: ManagerConfig,
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(SetupService) private readonly setup: SetupService,
    @Inject(UsersService) private readonly users: UsersService,
  ) {}

  @Handles('getBootstrap')
  getBootstrap(): BootstrapView {
    return {
      state: this.setup.isSetUp() ? 'ready' : 'setup',
      build: BUILD,
      clusterName: this.controlPlane.view((tx) => tx.cluster()?.spec.name) ?? '',
      nodeName: this.config.hostname,
    };
  }

  @Handles('setUp')
  async setUp(
    @Input() { body }: RequestOf<'setUp'>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<MeView> {
    const context = contextOf(request);
    const user = await this.setup.setUp(body, context);
    return signedIn(await this.sessions.open(user, context), { request, response });
  }

  @Handles('createSetupToken')
  createSetupToken(@From() caller: Caller): Promise<SetupTokenView> {
    return this.setup.createToken(caller);
  }

  @Handles('signIn')
  async signIn(
    @Input() { body }: RequestOf<'signIn'>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<MeView> {
    return signedIn(await this.sessions.signIn(body, contextOf(request)), { request, response });
  }

  @Handles('signOut')
  async signOut(
    @From() caller: Caller,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.sessions.signOut(caller.principal, caller.requestId);
    const { isSecure } = contextOf(request);
    response.setHeader('set-cookie', formatSessionCookie({ isSecure, value: '', maxAgeSeconds: 0 }));
  }

  @Handles('getMe')
  getMe(@From() caller: Caller): MeView {
    return toMeView(caller.principal);
  }

  @Handles('extendSession')
  async extendSession(@From() caller: Caller): Promise<MeView> {
    const { principal } = caller;
    if (principal.sessionId === undefined || !this.sessions.needsExtension(principal)) {
      return toMeView(principal);
    }
    const sessionExpiresAtMs = await this.sessions.extend(principal, caller.requestId);
    return toMeView({ ...principal, sessionExpiresAtMs });
  }

  @Handles('updateMe')
  async updateMe(@Input() { body }: RequestOf<'updateMe'>, @From() caller: Caller): Promise<MeView> {
    const user = await this.users.updateSelf(caller, body);
    return toMeView({
      ...caller.principal,
      ...(user.locale === undefined ? {} : { locale: user.locale }),
    });
  }
}

function signedIn(
  session: OpenedSession,
  { request, response }: { readonly request: Request; readonly response: Response },
): MeView {
  const { isSecure } = contextOf(request);
  const { cookie, maxAgeSeconds, principal } = session;
  response.setHeader('set-cookie', formatSessionCookie({ isSecure, value: cookie, maxAgeSeconds }));
  return toMeView(principal);
}
