import 'reflect-metadata';

import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { createControlPlane, type ControlPlane, type ControlPlaneOptions } from '@skep/controlplane';
import { INVARIANT_EXIT_CODE, errorMessage, type Clock } from '@skep/kernel';
import type { Logger } from 'pino';

import { createLogger } from './common/logger.ts';
import { apiUrl, parseHostPort, readConfig, type ManagerConfig } from './config.ts';
import { Edge } from './edge.ts';
import { Database } from './history/database.ts';
import { Projector } from './history/projector.ts';
import { WaitingRoom } from './waiting-room.ts';

const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

/** A stop that takes longer is cut short. */
const STOP_MS = 12_000;
/** `nobody`, for the database when the manager itself runs as root (development only). */
const NOBODY = { uid: 65_534, gid: 65_534 };

/** One manager from its command line until it is told to stop. */
async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2));
  const logger = createLogger(config.logLevel);
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'manager failed');
    process.exit(INVARIANT_EXIT_CODE);
  });
  mkdirSync(join(config.runRoot, 'manager'), { recursive: true });
  const room = new WaitingRoom({
    socketPath: config.socketPath,
    raftDir: join(config.dataRoot, 'raft'),
    logger,
  });
  const keyEncryptionKey = await room.unlocked();
  const origin = await originOf(config, room);
  const controlPlane = await openControlPlane(config, { logger, origin, keyEncryptionKey });
  await controlPlane.start();
  // Only now: while it waits for its key or a backup a manager is ended at once, and must leave no server behind.
  const stopped = stopSignal();
  const database = createDatabase(config, logger);
  const databaseStarted = database.start();
  const projector = new Projector({
    source: controlPlane,
    database,
    clusterId: () => controlPlane.status().clusterId,
    logger: logger.child({ component: 'history' }),
  });
  const edge = new Edge({
    controlPlane,
    config,
    database,
    projector,
    clock: systemClock,
    logger,
    randomBytes: (count) => randomBytes(count),
  });
  await edge.start();
  projector.start();
  logger.info({ nodeId: controlPlane.nodeId }, 'manager started');
  await stopped;
  logger.info('manager stopping');
  setTimeout(() => {
    logger.error('manager did not stop in time');
    process.exit(1);
  }, STOP_MS).unref();
  await edge.stop();
  await projector.stop();
  await controlPlane.stop();
  await databaseStarted;
  await database.stop();
  logger.info('manager stopped');
  process.exit(0);
}

function createDatabase(config: ManagerConfig, logger: Logger): Database {
  return new Database({
    mode: config.databaseMode,
    url: config.databaseUrl,
    dataDir: config.postgresDir,
    runDir: config.postgresRunDir,
    ...(process.getuid?.() === 0 ? { runAs: NOBODY } : {}),
    logger: logger.child({ component: 'database' }),
  });
}

async function originOf({ start }: ManagerConfig, room: WaitingRoom): Promise<ControlPlaneOptions['origin']> {
  switch (start.mode) {
    case 'init':
      return { kind: 'bootstrap' };
    case 'join':
      return { kind: 'join', peers: start.managers };
    case 'force':
      return { kind: 'forceNewCluster' };
    case 'restore': {
      const { header, data } = await room.backup();
      return { kind: 'restore', logIndex: header.logIndex, data };
    }
    case 'run':
      return { kind: 'restart' };
  }
}

async function openControlPlane(
  config: ManagerConfig,
  how: Pick<ControlPlaneOptions, 'origin'> & {
    readonly logger: Logger;
    readonly keyEncryptionKey: Uint8Array | undefined;
  },
): Promise<ControlPlane> {
  const { logger, origin, keyEncryptionKey } = how;
  return createControlPlane({
    nodeDir: join(config.dataRoot, 'node'),
    raftDir: join(config.dataRoot, 'raft'),
    listen: parseHostPort('listen-addr', config.listenAddr),
    advertiseAddr: config.advertiseAddr,
    apiUrl: apiUrl(config),
    origin,
    ...(keyEncryptionKey === undefined ? {} : { keyEncryptionKey }),
    log: logger,
    onFatal: (error) => {
      logger.fatal({ err: error }, 'control plane failed');
      process.exit(INVARIANT_EXIT_CODE);
    },
    ...(import.meta.url.endsWith('.ts')
      ? {}
      : { raftThreadUrl: new URL('./raft-thread.mjs', import.meta.url) }),
  });
}

async function stopSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => {
      resolve();
    });
    process.once('SIGINT', () => {
      resolve();
    });
  });
}

main().catch((error: unknown) => {
  process.stderr.write(
    `${JSON.stringify({ level: 60, component: 'manager', msg: 'manager not started', reason: errorMessage(error) })}\n`,
  );
  process.exit(1);
});
