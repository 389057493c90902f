import type { ServiceSpec } from '@skep/model';

import { ME, create, findByName, problem, remove, withNode, withService, type Handler } from './handlers.ts';
import { merge, planService, planStack } from './plans.ts';

/** Every request that wants a session, tried from the top. */
export const ROUTES: readonly (readonly [method: string, path: string, handler: Handler])[] = [
  ['GET', '/me', () => ({ status: 200, body: ME })],
  ['PATCH', '/me', () => ({ status: 200, body: ME })],
  ['DELETE', '/session', () => ({ status: 204, cookie: 'sid=; Path=/; Max-Age=0' })],
  [
    'GET',
    '/cluster/join-tokens',
    () => ({
      status: 200,
      body: {
        worker: 'SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl-1awxwuwd3z9j1z3puu7rcgdbx',
        manager: 'SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl-7p73s1dx5in4tatdymyhg9hu2',
      },
    }),
  ],
  [
    'POST',
    '/cluster/join-tokens/rotate',
    () => ({ status: 200, body: { worker: 'SWMTKN-1-new-w', manager: 'SWMTKN-1-new-m' } }),
  ],
  [
    'GET',
    '/cluster/raft',
    (_call, _refs, { world, condition }) => {
      const members = world.rows('nodes').filter((node) => node.manager !== undefined);
      return {
        status: 200,
        body: {
          nodeId: members[0]?.id ?? '',
          leaderId: members.find((node) => node.manager?.isLeader === true)?.id ?? null,
          isLeader: true,
          hasQuorum: condition.quorum,
          term: 7,
          commitIndex: world.rev,
          appliedIndex: world.rev,
          disk: 'ok',
          members: members.map((node) => ({
            raftId: String(node.manager?.raftId),
            nodeId: node.id,
            name: node.description?.hostname ?? '',
            addr: node.manager?.addr ?? '',
            role: 'voter',
            isLeader: node.manager?.isLeader ?? false,
            reachability: node.manager?.reachability ?? 'unknown',
          })),
          sentence: '3 voters, 3 reachable: can lose 1.',
          advice: [],
        },
      };
    },
  ],
  [
    'POST',
    '/services',
    ({ body }, _refs, { world }) => {
      const spec = body as unknown as ServiceSpec;
      if (world.byName(spec.name) !== undefined) {
        return problem(409, 'name_conflict', `service name ${spec.name} is in use already`, [
          { path: 'name', code: 'name_conflict', message: 'is in use already' },
        ]);
      }
      const service = world.createService(spec);
      world.record('service.create', spec.name);
      return { status: 201, body: { rev: world.commit(), item: service } };
    },
  ],
  [
    'PATCH',
    '/services/:ref',
    withService((world, id, { body }) => {
      const spec = merge(world.byName(id)?.spec, body) as ServiceSpec;
      world.updateService(id, spec);
      world.record('service.update', spec.name);
    }),
  ],
  [
    'PUT',
    '/services/:ref',
    withService((world, id, { body }) => {
      world.updateService(id, body as unknown as ServiceSpec);
    }),
  ],
  [
    'DELETE',
    '/services/:ref',
    withService((world, id) => {
      world.removeService(id);
    }),
  ],
  [
    'POST',
    '/services/:ref/scale',
    withService((world, id, { body }) => {
      const spec = world.byName(id)?.spec;
      if (spec !== undefined) {
        world.updateService(id, {
          ...spec,
          mode: { type: 'replicated', replicas: Number(body['replicas']) },
        });
        world.record('service.scale', spec.name, 'ok', `replicas → ${String(body['replicas'])}`);
      }
    }),
  ],
  [
    'POST',
    '/services/:ref/rollback',
    withService((world, id, { body }) => {
      const wanted = world.revisions.get(id)?.find(({ revision }) => revision === body['revision']);
      const spec = wanted?.spec ?? world.byName(id)?.previousSpec;
      if (spec !== undefined) {
        world.updateService(id, spec);
      }
    }),
  ],
  [
    'GET',
    '/services/:ref/revisions',
    (_call, [ref], { world, condition }) =>
      condition.db === 'ok'
        ? { status: 200, body: { items: world.revisions.get(ref ?? '') ?? [], rev: world.rev } }
        : problem(503, 'unavailable', 'the history database does not answer'),
  ],
  [
    'POST',
    '/services/:ref/restart',
    withService((world, id) => {
      const spec = world.byName(id)?.spec;
      if (spec !== undefined) {
        world.updateService(id, {
          ...spec,
          task: { ...spec.task, forceUpdate: (spec.task.forceUpdate ?? 0) + 1 },
        });
      }
    }),
  ],
  [
    'POST',
    '/plan',
    ({ body }, _refs, { world }) => {
      if (body['kind'] === 'scale') {
        const service = world.byName(String(body['service']));
        return service === undefined
          ? problem(404, 'not_found', 'no such service')
          : {
              status: 200,
              body: planService(
                world,
                { ...service.spec, mode: { type: 'replicated', replicas: Number(body['replicas']) } },
                service.id,
              ),
            };
      }
      const spec = body['spec'] as ServiceSpec;
      return { status: 200, body: planService(world, spec, body['service'] as string | undefined) };
    },
  ],
  [
    'POST',
    '/stacks/:ref/plan',
    ({ body }, [ref], { world }) => ({
      status: 200,
      body: planStack(world, ref ?? '', String(body['source'])).plan,
    }),
  ],
  [
    'PUT',
    '/stacks/:ref',
    ({ body }, [ref], { world }) => {
      const name = ref ?? '';
      const { plan, specs } = planStack(world, name, String(body['source']));
      if (plan.blockers.length > 0) {
        return problem(400, 'invalid_argument', 'the stack has errors', plan.blockers);
      }
      for (const spec of specs) {
        const old = world.byName(spec.name);
        if (old === undefined) {
          world.createService(spec);
        } else {
          world.updateService(old.id, spec);
        }
      }
      const old = world.rows('stacks').find((stack) => stack.name === name);
      const row = {
        ...(old ?? world.meta(0)),
        name,
        revision: (old?.revision ?? 0) + 1,
        deployedBy: 'user:admin',
        updatedAtMs: world.nowMs,
      };
      world.put('stacks', row);
      world.sources.set(name, String(body['source']));
      world.record('stack.deploy', name);
      return { status: 200, body: { rev: world.commit(), item: row, plan } };
    },
  ],
  [
    'GET',
    '/stacks/:ref/source',
    (_call, [ref], { world }) => {
      const source = world.sources.get(ref ?? '');
      const stack = world.rows('stacks').find((each) => each.name === ref);
      return source === undefined || stack === undefined
        ? problem(404, 'not_found', `stack ${String(ref)} has no text`)
        : {
            status: 200,
            body: {
              name: ref,
              revision: stack.revision,
              source,
              deployedBy: stack.deployedBy,
              deployedAtMs: stack.updatedAtMs,
            },
          };
    },
  ],
  [
    'DELETE',
    '/stacks/:ref',
    (_call, [ref], { world }) => {
      for (const service of world.rows('services')) {
        if (service.spec.labels?.['com.docker.stack.namespace'] === ref) {
          world.removeService(service.id);
        }
      }
      const stack = world.rows('stacks').find((each) => each.name === ref);
      if (stack !== undefined) {
        world.remove('stacks', stack.id);
      }
      return { status: 200, body: { rev: world.commit() } };
    },
  ],
  [
    'PATCH',
    '/nodes/:ref',
    withNode((world, node, { body }) => {
      const spec = node['spec'] as Record<string, unknown>;
      world.patch('nodes', String(node['id']), { spec: merge(spec, body) });
      world.record('node.update', String(node['id']), 'ok', JSON.stringify(body));
    }),
  ],
  [
    'DELETE',
    '/nodes/:ref',
    withNode((world, node) => {
      world.remove('nodes', String(node['id']));
    }),
  ],
  ['POST', '/nodes/:ref/promote', withNode(() => undefined)],
  ['POST', '/nodes/:ref/demote', withNode(() => undefined)],
  ['POST', '/networks', create('networks')],
  ['DELETE', '/networks/:ref', remove('networks')],
  ['POST', '/secrets', create('secrets')],
  ['DELETE', '/secrets/:ref', remove('secrets')],
  ['POST', '/configs', create('configs')],
  ['DELETE', '/configs/:ref', remove('configs')],
  [
    'GET',
    '/configs/:ref',
    (_call, [ref], { world }) => {
      const row = findByName(world, 'configs', ref ?? '');
      return row === undefined
        ? problem(404, 'not_found', `config ${String(ref)} not found`)
        : { status: 200, body: { ...row, data: world.configData.get(String(row['id'])) ?? '' } };
    },
  ],
  [
    'GET',
    '/events',
    ({ query }, _refs, { world }) => {
      const limit = Number(query.get('limit') ?? 50);
      const target = query.get('target');
      const found = world.events.filter((event) => target === null || event.target.name === target);
      return { status: 200, body: { items: found.slice(0, limit), source: 'store' } };
    },
  ],
  [
    'GET',
    '/audit',
    ({ query }, _refs, { world, condition }) =>
      condition.db === 'down'
        ? problem(503, 'unavailable', 'the history database does not answer: connection refused')
        : {
            status: 200,
            body: { items: world.audit.slice(0, Number(query.get('limit') ?? 50)), source: 'database' },
          },
  ],
  [
    'GET',
    '/tokens',
    (_call, _refs, { tokens, world }) => ({ status: 200, body: { items: tokens, rev: world.rev } }),
  ],
  [
    'POST',
    '/tokens',
    ({ body }, _refs, { tokens, world }) => {
      const item = {
        ...world.meta(0),
        name: body['name'],
        role: body['role'],
        ownerId: 'u1',
        ownerName: 'admin',
        expiresAtMs: Date.now() + Number(body['days']) * 86_400_000,
      };
      tokens.push(item);
      return { status: 201, body: { rev: world.rev, item, token: 'skep_4f9a1c77e02b4d5e9b3a6c1d8f7e' } };
    },
  ],
  [
    'DELETE',
    '/tokens/:ref',
    (_call, [ref], { tokens, world }) => {
      tokens.splice(
        tokens.findIndex((token) => token['id'] === ref),
        1,
      );
      return { status: 200, body: { rev: world.rev } };
    },
  ],
];
