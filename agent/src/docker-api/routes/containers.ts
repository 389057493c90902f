import {
  DockerContainerCreate,
  DockerContainerUpdate,
  isAtLeast,
  lacksLabels,
  matchesLabels,
  parseBody,
  parseFilters,
  readAsGo,
} from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type { WaitCondition } from '../../engine/container-api.ts';
import type { DockerApiContext } from '../context.ts';
import { containerConfigOf } from '../convert/container-config.ts';
import { checkContainerFilters, selectContainers } from '../convert/container-filter.ts';
import { containerSummaryToDocker, containerToDocker } from '../convert/container-json.ts';
import { containerUpdateOf } from '../convert/resource-config.ts';
import type { Exchange } from '../exchange.ts';
import type { Route } from '../router.ts';
import { checkAttachments } from './attachable.ts';
import { pruneCutoff } from './prune.ts';
import { addVolumesFrom } from './volumes-from.ts';

/** Life of containers: everything but their streams. */
export function containerRoutes(context: DockerApiContext): Route[] {
  return [
    ...stateRoutes(context),
    { method: 'GET', path: '/containers/json', handle: (exchange) => list(context, exchange) },
    { method: 'POST', path: '/containers/create', handle: (exchange) => create(context, exchange) },
    { method: 'POST', path: '/containers/prune', handle: (exchange) => prune(context, exchange) },
    { method: 'POST', path: '/containers/{name}/wait', handle: (exchange) => wait(context, exchange) },
    { method: 'POST', path: '/containers/{name}/rename', handle: (exchange) => rename(context, exchange) },
    { method: 'POST', path: '/containers/{name}/update', handle: (exchange) => update(context, exchange) },
    { method: 'POST', path: '/containers/{name}/resize', handle: (exchange) => resize(context, exchange) },
    { method: 'GET', path: '/containers/{name}/top', handle: (exchange) => top(context, exchange) },
    { method: 'GET', path: '/containers/{name}/changes', handle: (exchange) => changes(context, exchange) },
  ];
}

/** Requests that move a container from one state to another, and the one that tells its state. */
function stateRoutes({ engine: { containers } }: DockerApiContext): Route[] {
  return [
    {
      method: 'GET',
      path: '/containers/{name}/json',
      handle: async (exchange) => {
        const details = await containers.inspect(exchange.param('name'), {
          withSizes: exchange.flag('size'),
        });
        exchange.sendJson(200, containerToDocker(details));
      },
    },
    {
      method: 'POST',
      path: '/containers/{name}/start',
      handle: async (exchange) => {
        const isStarted = await containers.start(exchange.param('name'));
        exchange.sendEmpty(isStarted ? 204 : 304);
      },
    },
    {
      method: 'POST',
      path: '/containers/{name}/stop',
      handle: async (exchange) => {
        const isStopped = await containers.stop(exchange.param('name'), stopOptions(exchange));
        exchange.sendEmpty(isStopped ? 204 : 304);
      },
    },
    {
      method: 'POST',
      path: '/containers/{name}/restart',
      handle: async (exchange) => {
        await containers.restart(exchange.param('name'), stopOptions(exchange));
        exchange.sendEmpty(204);
      },
    },
    {
      method: 'POST',
      path: '/containers/{name}/kill',
      handle: async (exchange) => {
        await containers.kill(exchange.param('name'), exchange.text('signal'));
        exchange.sendEmpty(204);
      },
    },
    {
      method: 'POST',
      path: '/containers/{name}/pause',
      handle: async (exchange) => {
        await containers.pause(exchange.param('name'));
        exchange.sendEmpty(204);
      },
    },
    {
      method: 'POST',
      path: '/containers/{name}/unpause',
      handle: async (exchange) => {
        await containers.unpause(exchange.param('name'));
        exchange.sendEmpty(204);
      },
    },
    {
      method: 'DELETE',
      path: '/containers/{name}',
      handle: async (exchange) => {
        if (exchange.flag('link')) {
          throw new SwarmError('unimplemented', 'links between containers are not supported');
        }
        await containers.remove(exchange.param('name'), {
          force: exchange.flag('force'),
          removeVolumes: exchange.flag('v'),
        });
        exchange.sendEmpty(204);
      },
    },
  ];
}

function stopOptions(exchange: Exchange): { readonly signal?: string; readonly timeoutSeconds?: number } {
  const signal = exchange.text('signal');
  const timeoutSeconds = exchange.integer('t');
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  };
}

async function list({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  checkContainerFilters(filters);
  const summaries = await engine.containers.list({ all: true, withSizes: exchange.flag('size') });
  const selected = selectContainers(summaries, {
    filters,
    all: exchange.flag('all'),
    limit: Math.max(0, exchange.integer('limit') ?? 0),
  });
  const nowMs = Date.now();
  exchange.sendJson(
    200,
    selected.map((summary) => containerSummaryToDocker(summary, nowMs)),
  );
}

async function create(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const json = await exchange.requiredJson();
  const body = parseBody(DockerContainerCreate, json);
  const config = containerConfigOf(body, {
    name: exchange.text('name'),
    platform: exchange.text('platform'),
    echo: readAsGo(DockerContainerCreate, json),
  });
  await checkAttachments(context, config);
  const created = await context.engine.containers.create(
    await addVolumesFrom(context.engine, config, body.HostConfig?.VolumesFrom ?? []),
  );
  exchange.sendJson(201, { Id: created.id, Warnings: [...created.warnings, ...portWarnings(body)] });
}

/** Ports of a container that has the host's network are there anyway. */
function portWarnings({ HostConfig: host = {} }: DockerContainerCreate): string[] {
  const isUseless = host.NetworkMode === 'host' && Object.keys(host.PortBindings ?? {}).length > 0;
  return isUseless ? ['Published ports are discarded when using host network mode'] : [];
}

const WAIT_CONDITIONS: readonly string[] = ['not-running', 'next-exit', 'removed'];

async function wait({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const condition = exchange.text('condition') ?? 'not-running';
  if (!WAIT_CONDITIONS.includes(condition)) {
    throw new SwarmError('invalid_argument', `invalid condition: "${condition}"`);
  }
  const id = engine.containers.resolve(exchange.param('name'));
  const pending = engine.containers.wait(id, condition as WaitCondition, exchange.signal);
  if (!isAtLeast(exchange.version, 30)) {
    const status = await pending;
    exchange.sendJson(200, { StatusCode: status.exitCode });
    return;
  }
  // Clients start the container only once they know that the wait has begun: the headers go out now.
  const stream = exchange.startStream('application/json');
  try {
    const status = await pending;
    // A container that could not start tells so at its start; that it is gone is what was waited for here.
    const hasFailed = status.error !== '' && condition !== 'removed';
    const failure = hasFailed ? { Error: { Message: status.error } } : {};
    stream.end(`${JSON.stringify({ StatusCode: status.exitCode, ...failure })}\n`);
  } catch (error) {
    if (!exchange.signal.aborted) {
      const message = error instanceof Error ? error.message : String(error);
      stream.end(`${JSON.stringify({ StatusCode: 125, Error: { Message: message } })}\n`);
    }
  }
}

async function rename({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const name = exchange.text('name');
  if (name === undefined) {
    throw new SwarmError('invalid_argument', 'Neither old nor new names may be empty');
  }
  await engine.containers.rename(exchange.param('name'), name.replace(/^\//, ''));
  exchange.sendEmpty(204);
}

async function update({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const body = parseBody(DockerContainerUpdate, await exchange.requiredJson());
  const answer = await engine.containers.update(exchange.param('name'), containerUpdateOf(body));
  exchange.sendJson(200, { Warnings: answer.warnings.length === 0 ? null : answer.warnings });
}

/** Rows and columns of a terminal. @throws SwarmError `invalid_argument`. */
export function sizeParameters(exchange: Exchange): { readonly rows: number; readonly columns: number } {
  const rows = exchange.integer('h') ?? 0;
  const columns = exchange.integer('w') ?? 0;
  for (const [name, value] of [
    ['height', rows],
    ['width', columns],
  ] as const) {
    if (value < 0 || value > 65_535) {
      throw new SwarmError('invalid_argument', `invalid resize ${name} "${String(value)}"`);
    }
  }
  return { rows, columns };
}

async function resize({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const { rows, columns } = sizeParameters(exchange);
  await engine.containers.resize(exchange.param('name'), rows, columns);
  exchange.sendEmpty(200);
}

async function top({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const table = await engine.containers.top(exchange.param('name'), exchange.text('ps_args'));
  exchange.sendJson(200, { Titles: table.titles, Processes: table.processes });
}

const CHANGE_KINDS = { modified: 0, added: 1, deleted: 2 } as const;

async function changes({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const found = await engine.containers.diff(exchange.param('name'));
  exchange.sendJson(
    200,
    found.map(({ path, kind }) => ({ Path: path, Kind: CHANGE_KINDS[kind] })),
  );
}

async function prune({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  const cutoffMs = pruneCutoff(filters, ['label', 'label!', 'until'], Date.now());
  const pruned = await engine.containers.prune(
    (summary) =>
      summary.createdAtMs < cutoffMs &&
      matchesLabels(filters, summary.labels) &&
      lacksLabels(filters, summary.labels),
  );
  exchange.sendJson(200, {
    ContainersDeleted: pruned.ids.length === 0 ? null : pruned.ids,
    SpaceReclaimed: pruned.reclaimedBytes,
  });
}
