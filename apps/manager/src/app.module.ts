import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import type { Logger } from 'pino';

import type { ControlPlane } from '@skep/controlplane';
import type { Clock, RandomBytes } from '@skep/kernel';

import { AuthGuard } from './auth/auth.guard.ts';
import { Authenticator } from './auth/authenticator.ts';
import { PasswordHasher } from './auth/password.ts';
import { SessionKeeper } from './auth/session-keeper.ts';
import { SessionService } from './auth/session.service.ts';
import { SetupService } from './auth/setup.service.ts';
import { SignInThrottle } from './auth/sign-in-throttle.ts';
import { FailureAudit } from './common/failure-audit.ts';
import { Ids } from './common/ids.ts';
import { LeaderDoor } from './common/leader-door.ts';
import { LeaderInterceptor } from './common/leader.interceptor.ts';
import { LongListInterceptor } from './common/long-list.interceptor.ts';
import { ProblemFilter } from './common/problem.filter.ts';
import { Writer } from './common/writer.ts';
import type { ManagerConfig } from './config.ts';
import type { Database } from './history/database.ts';
import { HistoryReader } from './history/history-reader.ts';
import type { Projector } from './history/projector.ts';
import { ClusterController } from './http/cluster/cluster.controller.ts';
import { RecoveryController } from './http/cluster/recovery.controller.ts';
import { RaftReporter } from './http/cluster/raft-reporter.ts';
import { HistoryController } from './http/history/history.controller.ts';
import { NetworksController } from './http/networks/networks.controller.ts';
import { NodesController } from './http/nodes/nodes.controller.ts';
import { NodesService } from './http/nodes/nodes.service.ts';
import { PayloadsController } from './http/payloads/payloads.controller.ts';
import { PayloadsService } from './http/payloads/payloads.service.ts';
import { ServicesController } from './http/services/services.controller.ts';
import { ServicesService } from './http/services/services.service.ts';
import { SessionController } from './http/session/session.controller.ts';
import { PlansService } from './http/stacks/plans.service.ts';
import { StacksController } from './http/stacks/stacks.controller.ts';
import { StacksService } from './http/stacks/stacks.service.ts';
import { HealthService } from './http/system/health.service.ts';
import { MetricsService } from './http/system/metrics.service.ts';
import { SystemController } from './http/system/system.controller.ts';
import { TasksController } from './http/tasks/tasks.controller.ts';
import { TokensController } from './http/tokens/tokens.controller.ts';
import { TokensService } from './http/tokens/tokens.service.ts';
import { UsersController } from './http/users/users.controller.ts';
import { UsersService } from './http/users/users.service.ts';
import { Planner } from './stacks/planner.ts';
import {
  CLOCK,
  CONFIG,
  CONSOLE_BUILD,
  CONTROL_PLANE,
  DATABASE,
  LOGGER,
  PROJECTOR,
  RANDOM_BYTES,
} from './tokens.ts';
import { ExecAuditor } from './ws/exec-auditor.ts';
import { ExecGateway } from './ws/exec.gateway.ts';
import { LogCollector } from './ws/log-collector.ts';
import { LogSources } from './ws/log-sources.ts';
import { LogsGateway } from './ws/logs.gateway.ts';
import { StateFeed } from './ws/state-feed.ts';
import { StreamGateway } from './ws/stream.gateway.ts';
import { WsRouter } from './ws/ws-router.ts';

/** What is made outside of Nest and given to it. */
export interface AppParts {
  readonly controlPlane: ControlPlane;
  readonly config: ManagerConfig;
  readonly database: Database;
  readonly projector: Projector;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly randomBytes: RandomBytes;
  /** Build of the console that is served, or of the manager. */
  readonly build: string;
}

/** Every controller; a test checks that together they handle the whole table of the contract. */
export const CONTROLLERS = [
  ClusterController,
  RecoveryController,
  HistoryController,
  NetworksController,
  NodesController,
  PayloadsController,
  ServicesController,
  SessionController,
  StacksController,
  SystemController,
  TasksController,
  TokensController,
  UsersController,
];

const SERVICES: Provider[] = [
  Authenticator,
  ExecAuditor,
  ExecGateway,
  FailureAudit,
  HealthService,
  HistoryReader,
  Ids,
  LeaderDoor,
  LogCollector,
  LogSources,
  LogsGateway,
  MetricsService,
  NodesService,
  PasswordHasher,
  PayloadsService,
  Planner,
  PlansService,
  RaftReporter,
  ServicesService,
  SessionKeeper,
  SessionService,
  SetupService,
  SignInThrottle,
  StacksService,
  StateFeed,
  StreamGateway,
  TokensService,
  UsersService,
  Writer,
  WsRouter,
];

@Module({})
export class AppModule {
  static with(parts: AppParts): DynamicModule {
    return {
      module: AppModule,
      controllers: CONTROLLERS,
      providers: [
        { provide: CONTROL_PLANE, useValue: parts.controlPlane },
        { provide: CONFIG, useValue: parts.config },
        { provide: DATABASE, useValue: parts.database },
        { provide: PROJECTOR, useValue: parts.projector },
        { provide: CLOCK, useValue: parts.clock },
        { provide: LOGGER, useValue: parts.logger },
        { provide: RANDOM_BYTES, useValue: parts.randomBytes },
        { provide: CONSOLE_BUILD, useValue: parts.build },
        { provide: APP_GUARD, useClass: AuthGuard },
        { provide: APP_INTERCEPTOR, useClass: LeaderInterceptor },
        { provide: APP_INTERCEPTOR, useClass: LongListInterceptor },
        { provide: APP_FILTER, useClass: ProblemFilter },
        ...SERVICES,
      ],
    };
  }
}
