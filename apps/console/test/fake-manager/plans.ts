import { LineCounter, parseDocument } from 'yaml';

import type { Plan } from '@skep/contract';
import type { ServiceSpec } from '@skep/model';

import type { World } from './world.ts';

function noPlan(): Plan {
  return {
    planId: 'p1',
    baseRev: 1,
    actions: [],
    warnings: [],
    blockers: [],
    impact: { tasksStarted: 0, tasksRestarted: 0, tasksStopped: 0 },
  };
}

function flatten(value: unknown, path = ''): Map<string, unknown> {
  const found = new Map<string, unknown>();
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) {
      flatten(inner, path === '' ? key : `${path}.${key}`).forEach((each, at) => found.set(at, each));
    }
  } else {
    found.set(path, value);
  }
  return found;
}

function changesOf(before: unknown, after: unknown): Plan['actions'][number]['changes'] {
  const old = flatten(before);
  const now = flatten(after);
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((path) => JSON.stringify(old.get(path)) !== JSON.stringify(now.get(path)))
    .map((path) => ({
      path,
      ...(old.get(path) === undefined ? {} : { before: old.get(path) }),
      ...(now.get(path) === undefined ? {} : { after: now.get(path) }),
    }));
}

export function planService(world: World, spec: ServiceSpec, ref?: string): Plan {
  const old = ref === undefined ? undefined : world.byName(ref);
  const running =
    old === undefined ? 0 : world.tasksOf(old.id).filter((task) => task.status.state === 'running').length;
  const replicas = spec.mode.type === 'replicated' ? spec.mode.replicas : 7;
  const clash = world
    .rows('services')
    .find(
      (other) =>
        other.id !== old?.id &&
        (spec.endpoint?.ports ?? []).some((port) =>
          (other.endpoint?.ports ?? []).some(
            (taken) => taken.publishedPort === port.publishedPort && port.publishedPort !== undefined,
          ),
        ),
    );
  const changes = changesOf(old?.spec, spec);
  const isNewTask = JSON.stringify(old?.spec.task) !== JSON.stringify(spec.task);
  return {
    ...noPlan(),
    actions: [
      {
        kind: 'service',
        op: old === undefined ? 'create' : changes.length === 0 ? 'keep' : 'update',
        name: spec.name,
        changes: old === undefined ? [] : changes,
        tasksStarted: old === undefined ? replicas : Math.max(0, replicas - running),
        tasksRestarted: old !== undefined && isNewTask ? running : 0,
        tasksStopped: old === undefined ? 0 : Math.max(0, running - replicas),
      },
    ],
    blockers:
      clash === undefined
        ? []
        : [
            {
              path: 'endpoint.ports[0].publishedPort',
              code: 'port_taken',
              message: `port ${String(spec.endpoint?.ports?.[0]?.publishedPort)} is published by service ${clash.spec.name} already`,
            },
          ],
    warnings: [],
    impact: {
      tasksStarted: old === undefined ? replicas : Math.max(0, replicas - running),
      tasksRestarted: old !== undefined && isNewTask ? running : 0,
      tasksStopped: old === undefined ? 0 : Math.max(0, running - replicas),
    },
  };
}

export interface ParsedStack {
  readonly plan: Plan;
  readonly specs: readonly ServiceSpec[];
}

export function planStack(world: World, name: string, source: string): ParsedStack {
  const counter = new LineCounter();
  const document = parseDocument(source, { lineCounter: counter });
  const blockers = document.errors.map((error) => {
    const { line, col } = counter.linePos(error.pos[0]);
    return {
      path: '',
      code: 'yaml',
      message: error.message.split('\n')[0] ?? 'invalid YAML',
      line,
      column: col,
    };
  });
  const data = (document.errors.length > 0 ? {} : (document.toJS() as Record<string, unknown> | null)) ?? {};
  const services = (data['services'] ?? {}) as Record<
    string,
    { image?: string; replica?: unknown; ports?: string[]; deploy?: { replicas?: number } }
  >;
  const specs: ServiceSpec[] = [];
  for (const [key, service] of Object.entries(services)) {
    for (const [property] of Object.entries(service)) {
      if (
        ![
          'image',
          'ports',
          'deploy',
          'environment',
          'command',
          'networks',
          'volumes',
          'secrets',
          'configs',
          'healthcheck',
        ].includes(property)
      ) {
        const at = source.indexOf(`${property}:`);
        const { line, col } = counter.linePos(Math.max(0, at));
        blockers.push({
          path: `services.${key}.${property}`,
          code: 'unsupported',
          message: `services.${key}.${property} is not a key of the compose format`,
          line,
          column: col,
        });
      }
    }
    const [published, target] = (service.ports?.[0] ?? '').split(':').map(Number);
    specs.push({
      name: `${name}_${key}`,
      labels: { 'com.docker.stack.namespace': name },
      task: { container: { image: service.image ?? '' } },
      mode: { type: 'replicated', replicas: service.deploy?.replicas ?? 1 },
      ...(published === undefined || Number.isNaN(published) || target === undefined
        ? {}
        : {
            endpoint: {
              ports: [
                { protocol: 'tcp', targetPort: target, publishedPort: published, publishMode: 'ingress' },
              ],
            },
          }),
    });
  }
  const plans = specs.map((spec) => planService(world, spec, world.byName(spec.name)?.id));
  return {
    specs,
    plan: {
      ...noPlan(),
      actions: plans.flatMap((plan) => plan.actions),
      blockers: [...blockers, ...plans.flatMap((plan) => plan.blockers)],
      impact: {
        tasksStarted: plans.reduce((sum, plan) => sum + plan.impact.tasksStarted, 0),
        tasksRestarted: plans.reduce((sum, plan) => sum + plan.impact.tasksRestarted, 0),
        tasksStopped: plans.reduce((sum, plan) => sum + plan.impact.tasksStopped, 0),
      },
    },
  };
}

/** A merge patch applied, as the manager does. */
export function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
    return patch;
  }
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null ? { ...(target as Record<string, unknown>) } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      Reflect.deleteProperty(result, key);
    } else {
      result[key] = merge(result[key], value);
    }
  }
  return result;
}
