import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { applyPatch, diffPatch, isEqual } from './patch.ts';
import { rebase } from './rebase.ts';
import { fromSpec } from './form-from-spec.ts';
import { EMPTY_FORM, toSpec } from './service-form.ts';
import type { ServiceForm } from './service-form.ts';

const record = fc.record({
  a: fc.nat(2),
  b: fc.array(fc.nat(1), { maxLength: 2 }),
  c: fc.constantFrom('x', 'y'),
});

describe('rebase', () => {
  test('takes what only they changed and keeps what I changed', () => {
    const base = { image: 'web:1', replicas: 2, env: 'A=1' };
    const result = rebase(base, { ...base, replicas: 5 }, { ...base, image: 'web:2' });
    expect(result).toEqual({
      value: { image: 'web:2', replicas: 5, env: 'A=1' },
      taken: ['replicas'],
      conflicts: [],
    });
  });

  test('keeps mine where both changed, and tells', () => {
    const result = rebase({ n: 1 }, { n: 2 }, { n: 3 });
    expect(result).toEqual({
      value: { n: 3 },
      taken: [],
      conflicts: [{ field: 'n', base: 1, theirs: 2, mine: 3 }],
    });
  });

  test('the same change on both sides is no conflict', () => {
    expect(rebase({ n: [1] }, { n: [2] }, { n: [2] })).toEqual({
      value: { n: [2] },
      taken: [],
      conflicts: [],
    });
  });

  test('never loses a change of mine', () => {
    fc.assert(
      fc.property(record, record, record, (base, theirs, mine) => {
        const { value, conflicts, taken } = rebase(base, theirs, mine);
        for (const field of ['a', 'b', 'c'] as const) {
          const isMine = !isEqual(base[field], mine[field]);
          expect(value[field]).toEqual(isMine ? mine[field] : theirs[field]);
          expect(taken.includes(field) && isMine).toBe(false);
        }
        expect(conflicts.every(({ theirs: one, mine: other }) => !isEqual(one, other))).toBe(true);
      }),
    );
  });
});

describe('patch', () => {
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.nat(3),
      fc.constantFrom('a', 'b'),
      fc.array(fc.nat(2), { maxLength: 2 }),
      tie('object'),
    ),
    object: fc.dictionary(fc.constantFrom('p', 'q', 'r'), tie('value'), { maxKeys: 3 }),
  })).object;

  test('what differs, applied, gives what is wanted', () => {
    fc.assert(
      fc.property(json, json, (base, wanted) => {
        expect(applyPatch(base, diffPatch(base, wanted))).toEqual(wanted);
        expect(diffPatch(base, base)).toEqual({});
      }),
    );
  });

  test('fields the form knows nothing of survive in lists', () => {
    const target = {
      mounts: [{ type: 'bind', source: '/a', target: '/b', bind: { propagation: 'rslave' } }],
    };
    const patch = {
      mounts: [
        { type: 'bind', source: '/a', target: '/b', readOnly: true },
        { type: 'tmpfs', target: '/t' },
      ],
    };
    expect(applyPatch(target, patch)).toEqual({
      mounts: [
        { type: 'bind', source: '/a', target: '/b', readOnly: true, bind: { propagation: 'rslave' } },
        { type: 'tmpfs', target: '/t' },
      ],
    });
  });
});

describe('a spec as a form', () => {
  const rich: ServiceForm = {
    ...EMPTY_FORM,
    image: 'nginx:alpine',
    name: 'web',
    replicas: 3,
    ports: [{ published: '8080', target: '80', protocol: 'tcp', mode: 'ingress' }],
    env: 'A=1\nB=two words',
    cpuReserved: '0.25',
    memoryLimit: '512M',
    networks: ['front'],
    mounts: [{ type: 'volume', source: 'data', target: '/data', readOnly: true }],
    secrets: [{ id: 's1', name: 'key', target: 'key' }],
    constraints: 'node.role==worker',
    healthCommand: 'true',
    healthInterval: '30s',
    healthRetries: '3',
    command: "sh -c 'a b'",
    args: '--x',
    user: '1000',
    update: 'careful',
    restart: 'on-failure',
    labels: 'team=shop',
  };

  test('and back is the same form, and the same spec', () => {
    const { spec } = toSpec(rich);
    const names = (id: string) => id;
    expect(fromSpec(spec, names)).toEqual(rich);
    expect(toSpec(fromSpec(spec, names)).spec).toEqual(spec);
  });

  test('scaling in the form changes exactly one field of the spec', () => {
    const { spec } = toSpec(rich);
    const form = fromSpec(spec, (id) => id);
    const patch = diffPatch(toSpec(form).spec, toSpec({ ...form, replicas: 9 }).spec);
    expect(patch).toEqual({ mode: { replicas: 9 } });
  });

  test('what the form cannot show is never touched', () => {
    const { spec } = toSpec(rich);
    const exotic = {
      ...spec,
      update: { parallelism: 7 },
      task: {
        ...spec.task,
        container: {
          ...spec.task.container,
          sysctls: { 'net.core.somaxconn': '1' },
          healthcheck: { test: ['CMD', 'x'] },
        },
      },
    };
    const form = fromSpec(exotic, (id) => id);
    const patch = diffPatch(toSpec(form).spec, toSpec({ ...form, user: '0' }).spec);
    expect(patch).toEqual({ task: { container: { user: '0' } } });
    expect(applyPatch(exotic, patch)).toEqual({
      ...exotic,
      task: { ...exotic.task, container: { ...exotic.task.container, user: '0' } },
    });
  });
});
