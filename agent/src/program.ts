import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { pino, type Logger } from 'pino';

import { INVARIANT_EXIT_CODE, SwarmError, errorMessage } from '@skep/kernel';

import { enterPrivateMountNamespace } from './engine/runtime/cgroup-host.ts';
import { PRODUCT_VERSION, USAGE, agentPaths, readCommandLine, type AgentConfig } from './config.ts';
import { Swarmd } from './swarmd.ts';
import { formatRecord, isProcessAlive, parseRecord, recordProcess } from './supervise/process-record.ts';

/** A stop that takes longer is cut short; containers run on in any case. */
const STOP_TIMEOUT_MS = 10_000;

function createLogger(config: AgentConfig): Logger {
  return pino(
    {
      level: config.logLevel,
      base: { component: 'swarmd', host: config.hostname },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['token', '*.token', 'keyPem', '*.keyPem', 'env', '*.env'],
    },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** One swarmd to a run root. @throws SwarmError `failed_precondition` when another one runs. */
function claimPidFile(path: string): void {
  const other = existsSync(path) ? parseRecord(readFileSync(path, 'utf8')) : undefined;
  if (other !== undefined && other.pid !== process.pid && isProcessAlive(other)) {
    throw new SwarmError(
      'failed_precondition',
      `another swarmd (pid ${String(other.pid)}) runs with this run root; stop it or choose another --run-root`,
    );
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(`${path}.new`, formatRecord(recordProcess(process.pid)));
  renameSync(`${path}.new`, path);
}

function assertRoot(): void {
  if (process.getuid?.() !== 0) {
    throw new SwarmError(
      'failed_precondition',
      'swarmd makes namespaces, mounts and networks: run it as root',
    );
  }
}

async function untilStopped(log: Logger): Promise<void> {
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  log.info({ signal }, 'swarmd stops; containers run on');
}

async function run(config: AgentConfig): Promise<void> {
  assertRoot();
  // On hosts with mixed cgroups this starts the program anew, in the same process.
  enterPrivateMountNamespace(config.runRoot);
  const paths = agentPaths(config);
  const log = createLogger(config);
  claimPidFile(paths.pidFile);
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'swarmd failed');
    process.exit(INVARIANT_EXIT_CODE);
  });
  const swarmd = new Swarmd(config, log);
  await swarmd.start();
  log.info({ version: PRODUCT_VERSION, socket: paths.apiSocket }, 'swarmd is ready');
  await untilStopped(log);
  setTimeout(() => {
    log.error({}, 'swarmd did not stop in time');
    process.exit(1);
  }, STOP_TIMEOUT_MS).unref();
  await swarmd.stop();
  rmSync(paths.pidFile, { force: true });
  process.exit(0);
}

async function main(): Promise<void> {
  const commandLine = readCommandLine(process.argv.slice(2));
  switch (commandLine.kind) {
    case 'help':
      process.stdout.write(USAGE);
      return;
    case 'version':
      process.stdout.write(`swarmd ${PRODUCT_VERSION}\n`);
      return;
    case 'run':
      await run(commandLine.config);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`swarmd: ${errorMessage(error)}\n`);
  process.exit(error instanceof SwarmError && error.code === 'invalid_argument' ? 2 : 1);
});
