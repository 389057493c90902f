import type { MeView, Problem } from '@skep/contract';
import { PERMISSIONS } from '@skep/contract';

import type { Row } from '../../live/protocol.ts';
import type { Condition } from './stream.ts';
import type { World } from './world.ts';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Record<string, unknown>;
  readonly isSignedIn: boolean;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly cookie?: string;
}

export interface ApiState {
  readonly world: World;
  readonly condition: Condition;
  isSetUp: boolean;
  readonly tokens: Record<string, unknown>[];
}

export const PASSWORD = 'correct horse battery';

export const ME: MeView = {
  principal: 'user:admin',
  name: 'admin',
  userId: 'u1',
  role: 'admin',
  via: 'session',
  permissions: [...PERMISSIONS],
};

export function problem(
  status: number,
  code: Problem['code'],
  detail: string,
  errors?: Problem['errors'],
): Answer {
  return {
    status,
    body: {
      type: `urn:skep:problem:${code}`,
      title: code,
      status,
      detail,
      code,
      requestId: 'req-4kz81',
      ...(errors === undefined ? {} : { errors }),
    },
  };
}

export type Handler = (call: Call, refs: readonly string[], state: ApiState) => Answer;

/** A row by id or name. */
export function findByName(
  world: World,
  topic: 'networks' | 'secrets' | 'configs',
  ref: string,
): Row | undefined {
  return [...world.tables[topic].values()].find(
    (row) => row['id'] === ref || (row['spec'] as { name: string }).name === ref,
  );
}

export function create(topic: 'networks' | 'secrets' | 'configs'): Handler {
  return ({ body }, _refs, { world }) => {
    const { data, ...spec } = body;
    if (findByName(world, topic, String(body['name'])) !== undefined) {
      return problem(
        409,
        'name_conflict',
        `${topic.slice(0, -1)} name ${String(body['name'])} is in use already`,
        [{ path: 'name', code: 'name_conflict', message: 'is in use already' }],
      );
    }
    const row = { ...world.meta(0), spec };
    if (topic === 'configs') {
      world.configData.set(row.id, String(data));
    }
    world.put(topic, row);
    world.record(`${topic.slice(0, -1)}.create`, String(body['name']));
    return { status: 201, body: { rev: world.commit(), item: row } };
  };
}

export function remove(topic: 'networks' | 'secrets' | 'configs'): Handler {
  return (_call, [ref], { world }) => {
    const row = findByName(world, topic, ref ?? '');
    if (row === undefined) {
      return problem(404, 'not_found', `${String(ref)} not found`);
    }
    world.remove(topic, String(row['id']));
    return { status: 200, body: { rev: world.commit() } };
  };
}

export function withService(act: (world: World, id: string, call: Call) => void): Handler {
  return (call, [ref], { world }) => {
    const service = world.byName(ref ?? '');
    if (service === undefined) {
      return problem(404, 'not_found', `service ${String(ref)} not found`);
    }
    act(world, service.id, call);
    return { status: 200, body: { rev: world.commit(), item: world.byName(service.id) ?? service } };
  };
}

export function withNode(act: (world: World, node: Row, call: Call) => void): Handler {
  return (call, [ref], { world }) => {
    const node = world.rows('nodes').find((each) => each.id === ref || each.description?.hostname === ref);
    if (node === undefined) {
      return problem(404, 'not_found', `node ${String(ref)} not found`);
    }
    act(world, node, call);
    return { status: 200, body: { rev: world.commit(), item: node } };
  };
}
