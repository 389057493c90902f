import { z } from 'zod';

import { ClusterSpec, NetworkSpec, Node, NodeSpec, Network, ServiceSpec, Task, TaskSpec } from '@skep/model';

import { NoBody, NoContent, type Endpoint } from './endpoint.ts';
import { API_PREFIX, ENDPOINTS } from './endpoints.ts';
import { Plan } from './plan.ts';
import { PROBLEM_MEDIA_TYPE, Problem } from './problem.ts';
import {
  AuditView,
  ClusterView,
  ConfigView,
  EventView,
  HealthView,
  MeView,
  RaftView,
  SecretView,
  ServiceView,
  StackView,
  TokenView,
  UserView,
} from './views.ts';

type Json = Record<string, unknown>;

/** Schemas that have a name of their own in the document; the others stand where they are used. */
const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  Audit: AuditView,
  Cluster: ClusterView,
  ClusterSpec,
  Config: ConfigView,
  Event: EventView,
  Health: HealthView,
  Me: MeView,
  Network,
  NetworkSpec,
  Node,
  NodeSpec,
  Plan,
  Problem,
  Raft: RaftView,
  Secret: SecretView,
  Service: ServiceView,
  ServiceSpec,
  Stack: StackView,
  Task,
  TaskSpec,
  Token: TokenView,
  User: UserView,
};

/** The OpenAPI 3.1 document of the whole table. Equal tables give equal documents. */
export function toOpenApi(): Json {
  const names = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(COMPONENTS)) {
    names.add(schema, { id });
  }
  const definitions: Json = {};
  const toSchema = (schema: z.ZodType, io: 'input' | 'output'): Json => {
    const {
      $schema: _schema,
      $defs,
      ...rest
    } = z.toJSONSchema(schema, {
      metadata: names,
      io,
      unrepresentable: 'any',
      target: 'draft-2020-12',
    }) as Json;
    collectDefinitions(definitions, $defs);
    return redirect(rest) as Json;
  };
  const paths: Record<string, Json> = {};
  for (const [operationId, endpoint] of Object.entries<Endpoint>(ENDPOINTS)) {
    const path = API_PREFIX + endpoint.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = {
      ...paths[path],
      [endpoint.method.toLowerCase()]: toOperation(operationId, endpoint, toSchema),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Skep',
      version: 'v1',
      description:
        'REST API of every manager. Times are milliseconds since the epoch, durations nanoseconds. Changes answer the log index `rev` that every manager shows them at. Errors are problem documents (RFC 9457) with a stable `code`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }, { session: [] }],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: Object.fromEntries(Object.entries(definitions).sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API token made with createToken.' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-sid', description: "The console's session." },
      },
    },
  };
}

type ToSchema = (schema: z.ZodType, io: 'input' | 'output') => Json;

function toOperation(operationId: string, endpoint: Endpoint, toSchema: ToSchema): Json {
  return {
    operationId,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    ...(endpoint.access === 'public' ? { security: [] } : {}),
    ...(endpoint.access === 'public' || endpoint.access === 'signed-in'
      ? {}
      : { 'x-permission': endpoint.access }),
    parameters: [
      ...toParameters(toSchema(endpoint.params, 'input'), 'path'),
      ...toParameters(toSchema(endpoint.query, 'input'), 'query'),
    ],
    ...(endpoint.body === NoBody
      ? {}
      : {
          requestBody: {
            required: !endpoint.body.safeParse(undefined).success,
            content: {
              'application/json': {
                schema: toSchema(endpoint.body, 'input'),
                ...(endpoint.example === undefined ? {} : { example: endpoint.example }),
              },
            },
          },
        }),
    responses: {
      [String(endpoint.status)]:
        endpoint.response === NoContent
          ? { description: 'Done.' }
          : {
              description: 'Done.',
              content: { 'application/json': { schema: toSchema(endpoint.response, 'output') } },
            },
      default: {
        description: 'Refused.',
        content: { [PROBLEM_MEDIA_TYPE]: { schema: toSchema(Problem, 'output') } },
      },
    },
  };
}

function toParameters(schema: Json, place: 'path' | 'query'): Json[] {
  const properties = (schema['properties'] ?? {}) as Record<string, Json>;
  const required = (schema['required'] ?? []) as readonly string[];
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property,
  }));
}

function collectDefinitions(definitions: Json, found: unknown): void {
  for (const [name, schema] of Object.entries((found ?? {}) as Json)) {
    const { $schema: _schema, id: _id, ...rest } = schema as Json;
    definitions[name] = redirect(rest);
  }
}

/** JSON Schema keeps named parts in `$defs`, OpenAPI in `components.schemas`. */
function redirect(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(redirect);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === '$ref' && typeof item === 'string'
        ? item.replace(/^#\/\$defs\//, '#/components/schemas/')
        : redirect(item),
    ]),
  );
}
