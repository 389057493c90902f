import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { encodeFrame, isAtLeast, parseRequestTimeMs, type ApiVersion } from '@skep/docker-api';
import { SwarmError, isSwarmError } from '@skep/kernel';

import type { ContainerStats, LogOptions, PathStat } from '../../engine/container-api.ts';
import type { AttachedStreams } from '../../engine/engine-api.ts';
import type { DockerApiContext } from '../context.ts';
import { emptyStatsToDocker, statsToDocker } from '../convert/stats-json.ts';
import { parseDetachKeys } from '../detach-keys.ts';
import type { Exchange } from '../exchange.ts';
import { pipeStreams } from '../hijack.ts';
import type { Route } from '../router.ts';
import { writeAll, writeJsonLine } from '../streams.ts';

export const RAW_STREAM = 'application/vnd.docker.raw-stream';
export const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream';

/** Content type of a stream; the second one exists since API 1.42. */
export function streamType(version: ApiVersion, hasTerminal: boolean): string {
  return !hasTerminal && isAtLeast(version, 42) ? MULTIPLEXED_STREAM : RAW_STREAM;
}

/** What flows in and out of containers: logs, attach, stats, archives. */
export function containerStreamRoutes(context: DockerApiContext): Route[] {
  return [
    { method: 'GET', path: '/containers/{name}/logs', handle: (exchange) => logs(context, exchange) },
    { method: 'POST', path: '/containers/{name}/attach', handle: (exchange) => attach(context, exchange) },
    { method: 'GET', path: '/containers/{name}/stats', handle: (exchange) => stats(context, exchange) },
    { method: 'GET', path: '/containers/{name}/export', handle: (exchange) => exportAll(context, exchange) },
    {
      method: 'HEAD',
      path: '/containers/{name}/archive',
      handle: (exchange) => statArchive(context, exchange),
    },
    {
      method: 'GET',
      path: '/containers/{name}/archive',
      handle: (exchange) => getArchive(context, exchange),
    },
    {
      method: 'PUT',
      path: '/containers/{name}/archive',
      handle: (exchange) => putArchive(context, exchange),
    },
  ];
}

function timeParameter(exchange: Exchange, name: string): number | undefined {
  const text = exchange.text(name);
  if (text === undefined || text === '0') {
    return undefined;
  }
  const parsed = parseRequestTimeMs(text);
  if (!parsed.ok) {
    throw new SwarmError('invalid_argument', `invalid value for "${name}": ${parsed.error.message}`);
  }
  return parsed.value;
}

/** Anything that is no number means all lines, as in Docker. */
export function tailParameter(exchange: Exchange): number | undefined {
  const text = exchange.text('tail');
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function logOptions(exchange: Exchange): LogOptions {
  const stdout = exchange.flag('stdout');
  const stderr = exchange.flag('stderr');
  if (!stdout && !stderr) {
    throw new SwarmError('invalid_argument', "must specify at least one of 'stdout' or 'stderr'");
  }
  const sinceMs = timeParameter(exchange, 'since');
  const untilMs = timeParameter(exchange, 'until');
  const tail = tailParameter(exchange);
  return {
    stdout,
    stderr,
    follow: exchange.flag('follow'),
    signal: exchange.signal,
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(tail === undefined ? {} : { tail }),
  };
}

async function logs({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const options = logOptions(exchange);
  const { id, config } = await engine.containers.inspect(exchange.param('name'));
  if (config.logging?.driver === 'none') {
    throw new SwarmError('unimplemented', 'configured logging driver does not support reading');
  }
  const hasTerminal = config.tty === true;
  const stream = exchange.startStream(streamType(exchange.version, hasTerminal));
  await copyLogs(stream, engine.containers.logs(id, options), {
    hasTerminal,
    timestamps: exchange.flag('timestamps'),
    details: exchange.flag('details'),
  });
  stream.end();
}

interface LogFormat {
  readonly hasTerminal: boolean;
  readonly timestamps: boolean;
  readonly details: boolean;
}

type LogRecords = ReturnType<DockerApiContext['engine']['containers']['logs']>;

/** Writes log records; an error that comes on the way is told inside the stream, as Docker does. */
async function copyLogs(stream: Writable, records: LogRecords, format: LogFormat): Promise<void> {
  try {
    for await (const record of records) {
      const prefix = `${format.timestamps ? `${record.timestamp} ` : ''}${format.details ? ' ' : ''}`;
      const line = prefix === '' ? record.data : Buffer.concat([Buffer.from(prefix), record.data]);
      const bytes = format.hasTerminal ? line : encodeFrame(record.stream, line);
      if (!(await writeAll(stream, bytes))) {
        return;
      }
    }
  } catch (error) {
    if (!isSwarmError(error, 'cancelled') && !stream.destroyed) {
      const text = Buffer.from(`Error grabbing logs: ${error instanceof Error ? error.message : ''}\n`);
      await writeAll(stream, format.hasTerminal ? text : encodeFrame('systemerr', text));
    }
  }
}

async function attach({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const wants = (name: string): boolean => exchange.flag(name);
  const detachKeys = parseDetachKeys(exchange.text('detachKeys'));
  const { id, config } = await engine.containers.inspect(exchange.param('name'));
  const hasTerminal = config.tty === true;
  const streams: AttachedStreams | undefined = wants('stream')
    ? await engine.containers.attach(id, {
        stdin: wants('stdin'),
        stdout: wants('stdout'),
        stderr: wants('stderr'),
      })
    : undefined;
  const socket = exchange.hijack(streamType(exchange.version, hasTerminal));
  if (wants('logs')) {
    const records = engine.containers.logs(id, {
      stdout: wants('stdout'),
      stderr: wants('stderr'),
      signal: exchange.signal,
    });
    await copyLogs(socket, records, { hasTerminal, timestamps: false, details: false });
  }
  if (streams === undefined) {
    socket.end();
    return;
  }
  const { isDetached } = await pipeStreams(socket, streams, {
    hasTerminal,
    detachKeys: hasTerminal ? detachKeys : undefined,
  });
  if (isDetached) {
    engine.containers.noteDetach(id);
  }
}

/** Docker takes a sample each second. */
const STATS_INTERVAL_MS = 1000;

async function stats({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const isStreaming = exchange.flag('stream', true);
  const isOneShot = !isStreaming && exchange.flag('one-shot') && isAtLeast(exchange.version, 41);
  const { id, name } = await engine.containers.inspect(exchange.param('name'));
  const sample = async (): Promise<ContainerStats | undefined> => {
    const { state } = await engine.containers.inspect(id);
    return state.status === 'running' || state.status === 'paused' ? engine.containers.stats(id) : undefined;
  };
  let previous = isOneShot || isStreaming ? undefined : await sample();
  if (previous !== undefined) {
    await sleep(STATS_INTERVAL_MS, exchange.signal);
  }
  const stream = isStreaming ? exchange.startStream('application/json') : undefined;
  do {
    const current = await sample();
    const answer =
      current === undefined
        ? emptyStatsToDocker({ id, name })
        : statsToDocker({ id, name }, current, previous);
    if (stream === undefined) {
      exchange.sendJson(200, answer);
      return;
    }
    await writeJsonLine(stream, answer);
    previous = current;
    await sleep(STATS_INTERVAL_MS, exchange.signal);
  } while (!exchange.signal.aborted);
}

/** Waits; the end of the request cuts it short. */
function sleep(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal.addEventListener('abort', done);
    if (signal.aborted) {
      done();
    }
  });
}

async function exportAll({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const tar = await engine.containers.exportArchive(exchange.param('name'));
  await pipeline(tar, exchange.startStream('application/octet-stream'));
}

function pathParameter(exchange: Exchange): string {
  const path = exchange.text('path');
  if (path === undefined) {
    throw new SwarmError('invalid_argument', 'bad parameter: path cannot be empty');
  }
  return path;
}

const GO_MODE_DIRECTORY = 2 ** 31;
const GO_MODE_SYMLINK = 2 ** 27;
const GO_MODE_DEVICE = 2 ** 26;
const GO_MODE_PIPE = 2 ** 25;
const GO_MODE_SOCKET = 2 ** 24;
const GO_MODE_CHARACTER_DEVICE = 2 ** 21;
const S_IFMT = 0o170000;

const GO_TYPES: Readonly<Record<number, number>> = {
  0o040000: GO_MODE_DIRECTORY,
  0o120000: GO_MODE_SYMLINK,
  0o060000: GO_MODE_DEVICE,
  0o020000: GO_MODE_DEVICE + GO_MODE_CHARACTER_DEVICE,
  0o010000: GO_MODE_PIPE,
  0o140000: GO_MODE_SOCKET,
};

/** st_mode in the bits of Go's `os.FileMode`, which the client expects. */
export function goFileMode(mode: number): number {
  return (mode & 0o777) + (GO_TYPES[mode & S_IFMT] ?? 0);
}

function setPathStat(exchange: Exchange, stat: PathStat): void {
  const header = {
    name: stat.name,
    size: stat.sizeBytes,
    mode: goFileMode(stat.mode),
    mtime: new Date(stat.modifiedAtMs).toISOString(),
    linkTarget: stat.linkTarget,
  };
  exchange.setHeader('X-Docker-Container-Path-Stat', Buffer.from(JSON.stringify(header)).toString('base64'));
}

async function statArchive({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  setPathStat(exchange, await engine.containers.statPath(exchange.param('name'), pathParameter(exchange)));
  exchange.sendEmpty(200);
}

async function getArchive({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const { stat, tar } = await engine.containers.getArchive(exchange.param('name'), pathParameter(exchange));
  setPathStat(exchange, stat);
  await pipeline(tar, exchange.startStream('application/x-tar'));
}

async function putArchive({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  await engine.containers.putArchive(exchange.param('name'), pathParameter(exchange), exchange.body, {
    noOverwriteDirNonDir: exchange.flag('noOverwriteDirNonDir'),
    copyUidGid: exchange.flag('copyUIDGID'),
  });
  exchange.sendEmpty(200);
}
