import { ServiceSpec } from '@skep/model';
import { describe, expect, test } from 'vitest';

import { EMPTY_FORM, fieldOfPath, nameFromImage, toSpec } from './service-form.ts';
import type { ServiceForm } from './service-form.ts';

const form = (part: Partial<ServiceForm>): ServiceForm => ({ ...EMPTY_FORM, image: 'nginx:alpine', ...part });

test.each([
  ['nginx', 'nginx'],
  ['nginx:alpine', 'nginx'],
  ['registry:5000/team/My App:1', 'My-App'],
  ['ghcr.io/x/y@sha256:abc', 'y'],
  ['', ''],
])('the name of %s is %s', (image, name) => {
  expect(nameFromImage(image)).toBe(name);
});

test('an image alone is a whole service, and nothing else is sent', () => {
  const { spec, errors } = toSpec(form({}));
  expect(errors).toEqual([]);
  expect(spec).toEqual({
    name: 'nginx',
    task: { container: { image: 'nginx:alpine' } },
    mode: { type: 'replicated', replicas: 1 },
  });
});

test('a form filled to the brim is a valid spec of the model', () => {
  const { spec, errors } = toSpec(
    form({
      name: 'shop',
      replicas: 3,
      ports: [
        { published: '8080', target: '80', protocol: 'tcp', mode: 'ingress' },
        { published: '', target: '53', protocol: 'udp', mode: 'host' },
        { published: '', target: '', protocol: 'tcp', mode: 'ingress' },
      ],
      env: '# comment\nexport A=1\nB="two words"\n\nC=x=y',
      cpuReserved: '0,5',
      memoryReserved: '256M',
      memoryLimit: '1.5 GiB',
      networks: ['front'],
      mounts: [{ type: 'volume', source: 'data', target: '/data', readOnly: true }],
      secrets: [{ id: 's1', name: 'key', target: '' }],
      configs: [{ id: 'c1', name: 'conf', target: '/etc/conf' }],
      constraints: 'node.role == worker\nnode.labels.zone != east',
      healthCommand: 'wget -q localhost',
      healthInterval: '1m 30s',
      healthRetries: '4',
      command: '/bin/sh -c "echo \'hi\'"',
      args: '--a b',
      user: '1000',
      update: 'careful',
      restart: 'on-failure',
      labels: 'team=shop\nbare',
    }),
  );
  expect(errors).toEqual([]);
  expect(ServiceSpec.parse(spec)).toEqual(spec);
  expect(spec.task.container.env).toEqual(['A=1', 'B=two words', 'C=x=y']);
  expect(spec.task.container.command).toEqual(['/bin/sh', '-c', "echo 'hi'"]);
  expect(spec.task.container.healthcheck?.intervalNs).toBe(90e9);
  expect(spec.task.resources).toEqual({
    reservations: { nanoCpus: 5e8, memoryBytes: 256 * 1024 ** 2 },
    limits: { memoryBytes: 1.5 * 1024 ** 3 },
  });
  expect(spec.endpoint?.ports).toEqual([
    { protocol: 'tcp', targetPort: 80, publishedPort: 8080, publishMode: 'ingress' },
    { protocol: 'udp', targetPort: 53, publishMode: 'host' },
  ]);
});

describe('errors name the field', () => {
  test.each([
    [{ image: ' ' }, 'image', 'missing'],
    [{ cpuLimit: 'much' }, 'cpuLimit', 'cpus'],
    [{ memoryLimit: '12 parsecs' }, 'memoryLimit', 'bytes'],
    [{ healthCommand: 'x', healthInterval: 'soon' }, 'healthInterval', 'duration'],
    [{ healthCommand: 'x', healthRetries: '-1' }, 'healthRetries', 'number'],
    [{ env: 'A=1\nA=2' }, 'env', 'envTwice'],
    [{ env: 'no equals' }, 'env', 'envLine'],
    [{ labels: '=x' }, 'labels', 'labelLine'],
    [{ ports: [{ published: '70000', target: '80', protocol: 'tcp', mode: 'ingress' }] }, 'ports', 'port'],
    [{ mounts: [{ type: 'volume', source: 'a', target: 'rel', readOnly: false }] }, 'mounts', 'target'],
  ] as const)('%j', (part, field, code) => {
    expect(toSpec(form(part)).errors).toMatchObject([{ field, code }]);
  });
});

test.each([
  ['task.container.image', 'image'],
  ['spec.task.container.env[2]', 'env'],
  ['endpoint.ports[0].publishedPort', 'ports'],
  ['task.resources.limits.memoryBytes', 'memoryLimit'],
  ['task.resources.limits.nanoCpus', 'cpuLimit'],
  ['task.placement.constraints[0]', 'constraints'],
  ['name', 'name'],
  ['elsewhere', undefined],
])('the path %s belongs to %s', (path, field) => {
  expect(fieldOfPath(path)).toBe(field);
});
