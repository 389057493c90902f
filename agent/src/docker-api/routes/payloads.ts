import {
  DockerPayloadSpec,
  checkFilters,
  matchesExactly,
  matchesLabels,
  matchesPrefix,
  parseBody,
  parseFilters,
  payloadFromDocker,
  payloadToDocker,
  type Filters,
  type PayloadObject,
} from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type { DockerApiContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import type { Route } from '../router.ts';
import type { NewPayload, SwarmGateway } from '../swarm-gateway.ts';
import { onManager } from './swarm-access.ts';
import { versionParameter } from './version-parameter.ts';

/** What secrets and configs have in common: the same routes over different calls. */
interface PayloadCalls {
  readonly kind: 'secret' | 'config';
  readonly filters: readonly string[];
  readonly list: (swarm: SwarmGateway) => Promise<readonly PayloadObject[]>;
  readonly get: (swarm: SwarmGateway, ref: string) => Promise<PayloadObject>;
  readonly create: (swarm: SwarmGateway, payload: NewPayload) => Promise<string>;
  readonly updateLabels: (
    swarm: SwarmGateway,
    ref: string,
    change: { readonly labels: Readonly<Record<string, string>>; readonly version: number },
  ) => Promise<void>;
  readonly remove: (swarm: SwarmGateway, ref: string) => Promise<void>;
}

const SECRETS: PayloadCalls = {
  kind: 'secret',
  filters: ['id', 'label', 'name', 'names'],
  list: (swarm) => swarm.listSecrets(),
  get: (swarm, ref) => swarm.getSecret(ref),
  create: (swarm, payload) => swarm.createSecret(payload),
  updateLabels: (swarm, ref, { labels, version }) => swarm.updateSecretLabels(ref, labels, version),
  remove: (swarm, ref) => swarm.removeSecret(ref),
};

const CONFIGS: PayloadCalls = {
  kind: 'config',
  filters: ['id', 'label', 'name'],
  list: (swarm) => swarm.listConfigs(),
  get: (swarm, ref) => swarm.getConfig(ref),
  create: (swarm, payload) => swarm.createConfig(payload),
  updateLabels: (swarm, ref, { labels, version }) => swarm.updateConfigLabels(ref, labels, version),
  remove: (swarm, ref) => swarm.removeConfig(ref),
};

/** Secrets and configs. */
export function payloadRoutes(context: DockerApiContext): Route[] {
  return [SECRETS, CONFIGS].flatMap((calls) => routesOf(context, calls));
}

function routesOf(context: DockerApiContext, calls: PayloadCalls): Route[] {
  const { kind } = calls;
  const base = `/${kind}s`;
  return [
    { method: 'GET', path: base, handle: (exchange) => list(context, calls, exchange) },
    { method: 'POST', path: `${base}/create`, handle: (exchange) => create(context, calls, exchange) },
    {
      method: 'GET',
      path: `${base}/{id}`,
      handle: async (exchange) => {
        const ref = exchange.param('id');
        const payload = await onManager(context, { kind, ref }, (swarm) => calls.get(swarm, ref));
        exchange.sendJson(200, payloadToDocker(payload));
      },
    },
    { method: 'POST', path: `${base}/{id}/update`, handle: (exchange) => update(context, calls, exchange) },
    {
      method: 'DELETE',
      path: `${base}/{id}`,
      handle: async (exchange) => {
        const ref = exchange.param('id');
        await onManager(context, { kind, ref }, (swarm) => calls.remove(swarm, ref));
        exchange.sendEmpty(204);
      },
    },
  ];
}

function isListed(payload: PayloadObject, filters: Filters): boolean {
  return (
    matchesPrefix(filters, 'id', payload.id) &&
    matchesPrefix(filters, 'name', payload.spec.name) &&
    matchesExactly(filters, 'names', payload.spec.name) &&
    matchesLabels(filters, payload.spec.labels)
  );
}

async function list(context: DockerApiContext, calls: PayloadCalls, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.text('filters'));
  checkFilters(filters, calls.filters);
  const payloads = await onManager(context, { kind: calls.kind }, (swarm) => calls.list(swarm));
  exchange.sendJson(
    200,
    payloads.filter((payload) => isListed(payload, filters)).map((payload) => payloadToDocker(payload)),
  );
}

async function create(context: DockerApiContext, calls: PayloadCalls, exchange: Exchange): Promise<void> {
  const body = parseBody(DockerPayloadSpec, await exchange.requiredJson());
  const payload = payloadFromDocker(body, calls.kind);
  const id = await onManager(context, { kind: calls.kind, ref: payload.name }, (swarm) =>
    calls.create(swarm, payload),
  );
  exchange.sendJson(201, { ID: id });
}

async function update(context: DockerApiContext, calls: PayloadCalls, exchange: Exchange): Promise<void> {
  const { kind } = calls;
  const body = parseBody(DockerPayloadSpec, await exchange.requiredJson());
  const version = versionParameter(exchange, kind);
  const ref = exchange.param('id');
  await onManager(context, { kind, ref }, async (swarm) => {
    const current = await calls.get(swarm, ref);
    const isSameName = body.Name === undefined || body.Name === '' || body.Name === current.spec.name;
    // The data is not compared: clients send back what they read, and secrets are read without it.
    if (!isSameName) {
      throw new SwarmError('invalid_argument', 'only updates to Labels are allowed');
    }
    await calls.updateLabels(swarm, ref, { labels: body.Labels ?? {}, version });
  });
  exchange.sendEmpty(200);
}
