import { hostname } from 'node:os';

import {
  API_VERSION_MAX,
  API_VERSION_MIN,
  DockerAuthConfig,
  checkFilters,
  clusterToDocker,
  formatApiVersion,
  parseBody,
  parseFilters,
  parseRequestTimeMs,
} from '@skep/docker-api';
import { isSwarmError } from '@skep/kernel';

import type { EngineEvent } from '../../engine/engine-api.ts';
import { callAt } from '../call-at.ts';
import type { DockerApiContext } from '../context.ts';
import { eventToJsonLine, matchesEvent } from '../convert/event-json.ts';
import { infoToDocker } from '../convert/info-json.ts';
import type { Exchange } from '../exchange.ts';
import type { NodeControlInfo } from '../node-control.ts';
import type { Route } from '../router.ts';
import { writeAll } from '../streams.ts';
import { clusterFactsOf } from './cluster-facts.ts';
import { diskUsage } from './disk-usage.ts';
import { toCredentials } from './registry-credentials.ts';

export function systemRoutes(context: DockerApiContext): Route[] {
  return [
    { method: 'GET', path: '/_ping', handle: (exchange) => ping(context, exchange) },
    { method: 'GET', path: '/version', handle: (exchange) => version(context, exchange) },
    { method: 'GET', path: '/info', handle: (exchange) => info(context, exchange) },
    { method: 'GET', path: '/events', handle: (exchange) => events(context, exchange) },
    {
      method: 'GET',
      path: '/system/df',
      handle: async (exchange) => {
        exchange.sendJson(200, await diskUsage(context, exchange));
      },
    },
    {
      method: 'POST',
      path: '/auth',
      handle: (exchange) => checkLogin(context, exchange),
    },
  ];
}

/** Addresses by which clients name Docker Hub. */
const HUB_ADDRESSES = ['', 'index.docker.io', 'registry-1.docker.io', 'docker.io'];

async function checkLogin({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const body = parseBody(DockerAuthConfig, await exchange.requiredJson());
  const address = (body.serveraddress ?? '').replace(/^https?:\/\//, '').split('/')[0] ?? '';
  const credentials = toCredentials(body);
  await engine.images.checkLogin(credentials, ...(HUB_ADDRESSES.includes(address) ? [] : [address]));
  exchange.sendJson(200, { Status: 'Login Succeeded', IdentityToken: '' });
}

/** Value of the `Swarm` header: `inactive`, `pending`, `error`, `locked`, `active/manager` or `active/worker`. */
function swarmHeader(node: NodeControlInfo): string {
  return node.state === 'active' ? `active/${node.isManager ? 'manager' : 'worker'}` : node.state;
}

async function ping({ node }: DockerApiContext, exchange: Exchange): Promise<void> {
  exchange.setHeader('Builder-Version', '1');
  exchange.setHeader('Cache-Control', 'no-cache, no-store, must-revalidate');
  exchange.setHeader('Pragma', 'no-cache');
  exchange.setHeader('Swarm', swarmHeader(await node.info()));
  exchange.sendText(200, 'OK');
}

async function version({ engine, versions }: DockerApiContext, exchange: Exchange): Promise<void> {
  const host = await engine.info();
  const details = {
    ApiVersion: formatApiVersion(API_VERSION_MAX),
    Arch: host.architecture,
    BuildTime: versions.buildTime ?? '',
    Experimental: 'false',
    GitCommit: versions.gitCommit ?? '',
    GoVersion: '',
    KernelVersion: host.kernelVersion,
    MinAPIVersion: formatApiVersion(API_VERSION_MIN),
    Os: 'linux',
  };
  const { Experimental: _experimental, ...top } = details;
  exchange.sendJson(200, {
    Platform: { Name: 'Skep' },
    Components: [
      { Name: 'Engine', Version: versions.product, Details: details },
      ...Object.entries(host.runtimes).map(([name, runtime]) => ({
        Name: name,
        Version: runtime.version,
        Details: { Path: runtime.path },
      })),
      { Name: 'conmon', Version: host.conmonVersion, Details: {} },
    ],
    Version: versions.product,
    ...top,
  });
}

async function info(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const [host, node] = await Promise.all([context.engine.info(), context.node.info()]);
  exchange.sendJson(
    200,
    infoToDocker({
      host,
      hostname: hostname(),
      nowMs: Date.now(),
      version: context.versions.product,
      swarm: await swarmInfo(context, node),
      networkProblems: context.networks.stats().problems,
    }),
  );
}

async function swarmInfo(
  { swarm }: DockerApiContext,
  node: NodeControlInfo,
): Promise<Readonly<Record<string, unknown>>> {
  const base = {
    NodeID: node.nodeId,
    NodeAddr: node.nodeAddr,
    LocalNodeState: node.state,
    ControlAvailable: node.state === 'active' && node.isManager,
    Error: node.error,
    RemoteManagers:
      node.managers.length === 0
        ? null
        : node.managers.map(({ nodeId, addr }) => ({ NodeID: nodeId, Addr: addr })),
  };
  if (!base.ControlAvailable) {
    return base;
  }
  try {
    const [cluster, nodes] = await Promise.all([swarm.getCluster(), swarm.listNodes()]);
    return {
      ...base,
      Nodes: nodes.length,
      Managers: nodes.filter((one) => one.manager !== undefined).length,
      Cluster: clusterToDocker(clusterFactsOf(cluster)),
    };
  } catch (error) {
    // A manager without a quorum still answers what it knows of itself, as Docker does.
    return { ...base, Error: isSwarmError(error) ? error.message : 'the manager does not answer' };
  }
}

const EVENT_FILTERS = [
  'type',
  'event',
  'container',
  'image',
  'label',
  'volume',
  'network',
  'daemon',
  'scope',
  'service',
  'node',
  'secret',
  'config',
  'plugin',
];

/** Events waiting for a slow client; one that reads slower than this is cut off. */
const EVENTS_PENDING_MAX = 10_000;

function timeParameter(exchange: Exchange, name: string): number | undefined {
  const text = exchange.text(name);
  if (text === undefined) {
    return undefined;
  }
  const parsed = parseRequestTimeMs(text);
  if (!parsed.ok) {
    throw parsed.error;
  }
  return parsed.value;
}

async function events({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  checkFilters(filters, EVENT_FILTERS);
  const sinceMs = timeParameter(exchange, 'since');
  const untilMs = timeParameter(exchange, 'until');
  const isWanted = (event: EngineEvent): boolean =>
    matchesEvent(event, filters) &&
    (sinceMs === undefined || event.timeMs >= sinceMs) &&
    (untilMs === undefined || event.timeMs <= untilMs);
  const pending: EngineEvent[] =
    sinceMs === undefined && untilMs === undefined ? [] : [...engine.events.recent()];
  let wake = (): void => undefined;
  let isOverrun = false;
  const end = { isReached: false };
  const isEnded = (): boolean => exchange.signal.aborted || isOverrun;
  const unsubscribe = engine.events.subscribe((event) => {
    isOverrun ||= pending.length >= EVENTS_PENDING_MAX;
    pending.push(event);
    wake();
  });
  const endAt = (atMs: number): (() => void) =>
    callAt(atMs, () => {
      end.isReached = true;
      wake();
    });
  const cancelEnd = untilMs === undefined ? undefined : endAt(untilMs);
  const onAbort = (): void => wake();
  exchange.signal.addEventListener('abort', onAbort);
  const stream = exchange.startStream('application/json');
  try {
    while (!isEnded()) {
      for (const event of pending.splice(0)) {
        if (isWanted(event) && !(await writeAll(stream, eventToJsonLine(event)))) {
          return;
        }
      }
      if (end.isReached) {
        break;
      }
      if (pending.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    unsubscribe();
    cancelEnd?.();
    exchange.signal.removeEventListener('abort', onAbort);
    stream.end();
  }
}
