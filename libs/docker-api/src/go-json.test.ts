import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { DockerContainerCreate } from './container-create.ts';
import { readAsGo } from './go-json.ts';
import { DockerServiceSpec } from './service.ts';

describe('readAsGo', () => {
  test('names match without regard to case, at any depth', () => {
    const json = {
      name: 'x',
      MODE: { replicated: { replicas: 2 } },
      tasktemplate: { networks: [{ target: 'n' }] },
    };
    expect(readAsGo(DockerServiceSpec, json)).toEqual({
      Name: 'x',
      Mode: { Replicated: { Replicas: 2 } },
      TaskTemplate: { Networks: [{ Target: 'n' }] },
    });
  });

  test('the exact name wins over another case', () => {
    expect(readAsGo(DockerServiceSpec, { name: 'other', Name: 'exact' })).toEqual({ Name: 'exact' });
  });

  test('names of maps stay as they are, with null as a value', () => {
    const json = {
      Labels: { Name: 'a', image: 'b' },
      HostConfig: { PortBindings: { '80/tcp': null } },
      NetworkingConfig: { EndpointsConfig: { Front: null, back: { aliases: ['x'] } } },
    };
    expect(readAsGo(DockerContainerCreate, json)).toEqual({
      ...json,
      NetworkingConfig: { EndpointsConfig: { Front: null, back: { Aliases: ['x'] } } },
    });
  });

  test('null properties go, and what no schema describes stays', () => {
    expect(readAsGo(z.object({ A: z.string().optional() }), { a: null, other: { b: null, c: 1 } })).toEqual({
      other: { c: 1 },
    });
    expect(readAsGo(undefined, [1, { a: null }])).toEqual([1, {}]);
  });

  test('hostile names are data', () => {
    const value = readAsGo(DockerServiceSpec, JSON.parse('{"__proto__":{"polluted":true},"Name":"x"}'));
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});
