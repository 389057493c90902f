import { Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';

import { API_PREFIX, toOpenApi, type HealthView } from '@skep/contract';
import { SwarmError } from '@skep/kernel';

import { Authenticator } from '../../auth/authenticator.ts';
import { assertAccess } from '../../auth/auth.guard.ts';
import { Handles } from '../../common/endpoint.decorator.ts';
import { contextOf } from '../../common/request-context.ts';
import { EXEC_AUDIT_PATH, ExecAuditor } from '../../ws/exec-auditor.ts';
import { HealthService } from './health.service.ts';
import { MetricsService } from './metrics.service.ts';

/** Behind the leader by more than this, a manager is not ready to be asked. */
const READY_LAG_MS = 10_000;

@Controller()
export class SystemController {
  #openApi: string | undefined;

  constructor(
    @Inject(HealthService) private readonly health: HealthService,
    @Inject(MetricsService) private readonly metrics: MetricsService,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(ExecAuditor) private readonly auditor: ExecAuditor,
  ) {}

  @Handles('getHealth')
  getHealth(): HealthView {
    return this.health.view();
  }

  /** The process answers. */
  @Get('healthz')
  healthz(@Res() response: Response): void {
    response.setHeader('cache-control', 'no-store');
    response.type('text/plain').send('ok\n');
  }

  /** The manager can serve: it knows a leader and its state is fresh. */
  @Get('readyz')
  readyz(@Res() response: Response): void {
    const { quorum, lagMs } = this.health.view();
    const isReady = quorum && lagMs <= READY_LAG_MS;
    response.setHeader('cache-control', 'no-store');
    response
      .status(isReady ? 200 : 503)
      .type('text/plain')
      .send(isReady ? 'ok\n' : quorum ? `behind by ${String(lagMs)} ms\n` : 'no leader\n');
  }

  /** Prometheus; asks for the right to read the cluster, with an API token, except on the local socket. */
  @Get('metrics')
  async metricsText(@Req() request: Request, @Res() response: Response): Promise<void> {
    assertAccess(this.authenticator.authenticate(request), 'cluster.read');
    response.type('text/plain; version=0.0.4').send(await this.metrics.text());
  }

  @Get(`${API_PREFIX.slice(1)}/openapi.json`)
  openApi(@Res() response: Response): void {
    this.#openApi ??= JSON.stringify(toOpenApi(), null, 2);
    response.setHeader('cache-control', 'no-cache');
    response.type('application/json').send(this.#openApi);
  }

  /** A follower's exec, put on record by the leader. */
  @Post(`${EXEC_AUDIT_PATH.slice(1)}/:task`)
  async auditExec(
    @Req() request: Request,
    @Param('task') taskId: string,
    @Query('program') program: string,
    @Res() response: Response,
  ): Promise<void> {
    const context = contextOf(request);
    const principal = this.authenticator.authenticate(request);
    if (!context.isForwarded || principal === undefined) {
      throw new SwarmError('not_found', 'no such address');
    }
    await this.auditor.write({ principal, context }, taskId, program);
    response.status(204).end();
  }
}
