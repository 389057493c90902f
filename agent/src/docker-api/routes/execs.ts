import { DockerExecCreate, DockerExecStart, encodeFrame, isAtLeast, parseBody } from '@skep/docker-api';
import { SwarmError, errorMessage } from '@skep/kernel';

import type { ExecDetails } from '../../engine/exec-api.ts';
import type { DockerApiContext } from '../context.ts';
import { parseDetachKeys } from '../detach-keys.ts';
import type { Exchange } from '../exchange.ts';
import { pipeStreams } from '../hijack.ts';
import type { Route } from '../router.ts';
import { writeAll } from '../streams.ts';
import { streamType } from './container-streams.ts';
import { sizeParameters } from './containers.ts';

/** Commands in running containers. */
export function execRoutes(context: DockerApiContext): Route[] {
  const { execs } = context.engine;
  return [
    { method: 'POST', path: '/containers/{name}/exec', handle: (exchange) => create(context, exchange) },
    { method: 'POST', path: '/exec/{id}/start', handle: (exchange) => start(context, exchange) },
    {
      method: 'POST',
      path: '/exec/{id}/resize',
      handle: async (exchange) => {
        const { rows, columns } = sizeParameters(exchange);
        await execs.resize(exchange.param('id'), rows, columns);
        exchange.sendEmpty(201);
      },
    },
    {
      method: 'GET',
      path: '/exec/{id}/json',
      handle: (exchange) => {
        exchange.sendJson(200, execToDocker(execs.inspect(exchange.param('id'))));
      },
    },
  ];
}

function execToDocker(exec: ExecDetails): Readonly<Record<string, unknown>> {
  const [entrypoint = '', ...args] = exec.config.cmd;
  return {
    ID: exec.id,
    Running: exec.isRunning,
    ExitCode: exec.exitCode,
    ProcessConfig: {
      tty: exec.config.tty ?? false,
      entrypoint,
      arguments: args,
      privileged: exec.config.privileged ?? false,
      ...(exec.config.user === undefined ? {} : { user: exec.config.user }),
    },
    OpenStdin: exec.config.attachStdin ?? false,
    OpenStderr: exec.config.attachStderr ?? false,
    OpenStdout: exec.config.attachStdout ?? false,
    CanRemove: !exec.isRunning && exec.exitCode !== null,
    ContainerID: exec.containerId,
    DetachKeys: '',
    Pid: exec.pid,
  };
}

async function create({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const body = parseBody(DockerExecCreate, await exchange.requiredJson());
  if (body.Cmd === undefined || body.Cmd.length === 0) {
    throw new SwarmError('invalid_argument', 'No exec command specified');
  }
  if (body.DetachKeys !== undefined && body.DetachKeys !== '') {
    parseDetachKeys(body.DetachKeys);
  }
  const id = await engine.execs.create(exchange.param('name'), {
    cmd: body.Cmd,
    ...(body.Env === undefined ? {} : { env: body.Env }),
    ...(body.User ? { user: body.User } : {}),
    ...(body.WorkingDir ? { workingDir: body.WorkingDir } : {}),
    tty: body.Tty ?? false,
    attachStdin: body.AttachStdin ?? false,
    attachStdout: body.AttachStdout ?? false,
    attachStderr: body.AttachStderr ?? false,
    privileged: body.Privileged ?? false,
    ...(body.DetachKeys ? { detachKeys: body.DetachKeys } : {}),
  });
  exchange.sendJson(201, { Id: id });
}

async function start({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const id = exchange.param('id');
  const body = parseBody(DockerExecStart, (await exchange.json()) ?? {});
  const { config } = engine.execs.inspect(id);
  if (body.Detach === true) {
    await engine.execs.startDetached(id);
    exchange.sendEmpty(200);
    return;
  }
  const hasTerminal = config.tty === true;
  const size = hasTerminal && isAtLeast(exchange.version, 42) ? body.ConsoleSize : undefined;
  // Clients drop the body of an error here, so it is told inside the stream, as Docker does.
  const socket = exchange.hijack(streamType(exchange.version, hasTerminal));
  let started;
  try {
    started = await engine.execs.start(id, size === undefined ? {} : { rows: size[0], columns: size[1] });
  } catch (error) {
    const text = Buffer.from(`${errorMessage(error)}\r\n`);
    await writeAll(socket, hasTerminal ? text : encodeFrame('stdout', text));
    socket.end();
    return;
  }
  const detachKeys =
    config.attachStdin === true && hasTerminal ? parseDetachKeys(config.detachKeys) : undefined;
  const { exitCode } = started;
  const { isDetached } = await pipeStreams(socket, started, {
    hasTerminal,
    detachKeys,
    beforeEnd: exitCode,
  });
  if (isDetached) {
    engine.execs.noteDetach(id);
  }
}
