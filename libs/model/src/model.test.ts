import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { matchesConstraint, parseConstraint, type ConstraintSubject } from './constraint.ts';
import { Mount } from './container-spec.ts';
import { ServiceSpec } from './service.ts';
import type { TaskState } from './task-state.ts';
import { TASK_STATE_ORDER, canAdvance, isTerminalState } from './task-state.ts';

const subject: ConstraintSubject = {
  id: 'n1',
  hostname: 'Worker-1',
  role: 'worker',
  ip: '10.0.0.1',
  os: 'linux',
  architecture: 'x86_64',
  labels: { zone: 'east' },
  engineLabels: { disk: 'ssd' },
};

describe('constraints', () => {
  test.each([
    ['node.labels.zone == east', true],
    ['node.labels.zone==West', false],
    ['node.labels.zone==East', false],
    ['node.labels.missing != x', true],
    ['node.hostname == worker-1', true],
    ['node.role!=manager', true],
    ['engine.labels.disk==ssd', true],
    ['node.platform.os==linux', true],
  ])('%s -> %s', (text, expected) => {
    const parsed = parseConstraint(text);
    expect(parsed.ok && matchesConstraint(parsed.value, subject)).toBe(expected);
  });

  test.each(['', 'zone', 'node.labels. == x', 'node.color==red', 'node.role=manager', 'node.role=='])(
    '"%s" is refused',
    (text) => {
      expect(parseConstraint(text).ok).toBe(false);
    },
  );

  test('a refusal names the constraint', () => {
    const parsed = parseConstraint('node.color==red');
    expect(parsed.ok ? '' : parsed.error.message).toContain('unknown key "node.color"');
  });

  test('parsing never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof parseConstraint(text).ok === 'boolean'));
  });
});

describe('task states', () => {
  test('never go back', () => {
    const states = Object.keys(TASK_STATE_ORDER) as TaskState[];
    for (const from of states) {
      for (const to of states) {
        expect(canAdvance(from, to) && canAdvance(to, from)).toBe(false);
      }
    }
  });

  test('running is the last state that is not terminal', () => {
    expect(isTerminalState('running')).toBe(false);
    expect(isTerminalState('complete')).toBe(true);
    expect(isTerminalState('orphaned')).toBe(true);
  });
});

describe('service spec', () => {
  const base = {
    name: 'web',
    task: { container: { image: 'nginx' } },
    mode: { type: 'replicated', replicas: 1 },
  };

  test('the smallest one is accepted', () => {
    expect(ServiceSpec.safeParse(base).success).toBe(true);
  });

  test.each<[string, unknown, string]>([
    ['an unknown key', { ...base, color: 'red' }, ''],
    ['a name with a space', { ...base, name: 'my web' }, 'name'],
    ['a name of 64 characters', { ...base, name: 'x'.repeat(64) }, 'name'],
    ['an empty image', { ...base, task: { container: { image: '' } } }, 'task.container.image'],
    ['negative replicas', { ...base, mode: { type: 'replicated', replicas: -1 } }, 'mode.replicas'],
    [
      'a tiny memory limit',
      { ...base, task: { ...base.task, resources: { limits: { memoryBytes: 5 } } } },
      'task.resources.limits.memoryBytes',
    ],
    [
      'port 0 as target',
      { ...base, endpoint: { ports: [{ protocol: 'tcp', targetPort: 0, publishMode: 'ingress' }] } },
      'endpoint.ports.0.targetPort',
    ],
  ])('%s is refused and the field is named', (_name, spec, path) => {
    const result = ServiceSpec.safeParse(spec);
    expect(result.success).toBe(false);
    expect(result.error?.issues[0]?.path.join('.')).toBe(path);
  });

  test.each<[string, unknown]>([
    ['a bind without source', { type: 'bind', target: '/data' }],
    ['a relative target', { type: 'volume', source: 'v', target: 'data' }],
    ['a tmpfs with source', { type: 'tmpfs', source: 'x', target: '/tmp' }],
  ])('mount: %s is refused', (_name, mount) => {
    expect(Mount.safeParse(mount).success).toBe(false);
  });
});
