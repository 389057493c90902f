import { encodeFrame, formatTimeNs, parseRequestTimeMs } from '@skep/docker-api';
import { SwarmError, errorMessage, isSwarmError } from '@skep/kernel';

import type { DockerApiContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import { writeAll } from '../streams.ts';
import type { SwarmLogLine, SwarmLogOptions } from '../swarm-gateway.ts';
import { streamType } from './container-streams.ts';

export interface SwarmLogSelection {
  readonly services?: readonly string[];
  readonly tasks?: readonly string[];
  readonly hasTerminal: boolean;
}

function optionsOf(exchange: Exchange, selection: SwarmLogSelection): SwarmLogOptions {
  const stdout = exchange.flag('stdout');
  const stderr = exchange.flag('stderr');
  if (!stdout && !stderr) {
    throw new SwarmError('invalid_argument', "must specify at least one of 'stdout' or 'stderr'");
  }
  const tail = exchange.text('tail') ?? 'all';
  if (tail !== 'all' && !/^\d{1,9}$/.test(tail)) {
    throw new SwarmError('invalid_argument', 'tail value must be a positive integer or "all"');
  }
  const since = exchange.text('since');
  const sinceMs = since === undefined || since === '0' ? undefined : parseRequestTimeMs(since);
  if (sinceMs !== undefined && !sinceMs.ok) {
    throw new SwarmError('invalid_argument', `invalid value for "since": ${sinceMs.error.message}`);
  }
  return {
    ...(selection.services === undefined ? {} : { services: selection.services }),
    ...(selection.tasks === undefined ? {} : { tasks: selection.tasks }),
    stdout,
    stderr,
    follow: exchange.flag('follow'),
    ...(tail === 'all' ? {} : { tail: Number(tail) }),
    ...(sinceMs === undefined ? {} : { sinceMs: Math.floor(sinceMs.value) }),
    signal: exchange.signal,
  };
}

/** Names under which Docker's clients look for the origin of a line. */
function detailsOf(line: SwarmLogLine, serviceId: string): string {
  const details = [
    ['com.docker.swarm.node.id', line.node],
    ['com.docker.swarm.service.id', serviceId],
    ['com.docker.swarm.task.id', line.taskId],
  ];
  return details
    .map(([key = '', value = '']) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .join(',');
}

/** Answers a log request of a service or task in Docker's framing, from wherever the tasks run. */
export async function streamSwarmLogs(
  { swarm }: DockerApiContext,
  exchange: Exchange,
  selection: SwarmLogSelection,
): Promise<void> {
  const options = optionsOf(exchange, selection);
  const withTimestamps = exchange.flag('timestamps');
  const withDetails = exchange.flag('details');
  const serviceId = selection.services?.[0] ?? '';
  const stream = exchange.startStream(streamType(exchange.version, selection.hasTerminal));
  const write = (name: 'stdout' | 'stderr' | 'systemerr', text: string): Promise<boolean> => {
    const bytes = Buffer.from(text);
    return writeAll(stream, selection.hasTerminal ? bytes : encodeFrame(name, bytes));
  };
  try {
    for await (const line of swarm.logs(options)) {
      const time = withTimestamps ? `${formatTimeNs(line.tsNs)} ` : '';
      const details = withDetails ? `${detailsOf(line, serviceId)} ` : '';
      if (!(await write(line.stream, `${time}${details}${line.text}\n`))) {
        return;
      }
    }
  } catch (error) {
    if (!exchange.signal.aborted && !isSwarmError(error, 'cancelled')) {
      await write('systemerr', `Error grabbing logs: ${errorMessage(error)}\n`);
    }
  }
  stream.end();
}
