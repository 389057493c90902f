import { isSwarmError } from '@skep/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { z } from 'zod';

import { parseBody } from './body.ts';
import { DockerContainerCreate, DockerExecCreate } from './container-create.ts';
import { DockerNetworkCreate, networkSpecFromDocker } from './network.ts';
import { DockerNodeSpec, nodeSpecFromDocker } from './node.ts';
import { DockerPayloadSpec, payloadFromDocker } from './payload.ts';
import { DockerServiceSpec, serviceSpecFromDocker, serviceSpecToDocker } from './service.ts';
import { DockerSwarmInit, DockerSwarmSpec } from './swarm.ts';

/** Names that lead deep into the schemas, and some that lead nowhere. */
const key = fc.constantFrom(
  ...[
    'Name',
    'name',
    'Labels',
    'TaskTemplate',
    'ContainerSpec',
    'Image',
    'Mounts',
    'Type',
    'Networks',
    'Target',
  ],
  ...[
    'Mode',
    'Replicated',
    'Replicas',
    'UpdateConfig',
    'Order',
    'HostConfig',
    'PortBindings',
    'Data',
    'Role',
  ],
  ...['Driver', 'IPAM', 'Config', 'EndpointSpec', 'Ports', '__proto__', 'constructor', 'toString', ''],
);

const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom(
      null,
      true,
      false,
      0,
      1,
      -1,
      1e300,
      '',
      'a',
      'overlay',
      'tcp',
      'worker',
      'active',
      'aGk=',
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 6 }),
  ),
})).value;

const readers: [string, (value: unknown) => unknown][] = [
  ['service', (value) => serviceSpecToDocker(serviceSpecFromDocker(parseBody(DockerServiceSpec, value)))],
  ['network', (value) => networkSpecFromDocker(parseBody(DockerNetworkCreate, value))],
  ['node', (value) => nodeSpecFromDocker(parseBody(DockerNodeSpec, value))],
  ['secret', (value) => payloadFromDocker(parseBody(DockerPayloadSpec, value), 'secret')],
  ...[DockerContainerCreate, DockerExecCreate, DockerSwarmInit, DockerSwarmSpec].map(
    (schema: z.ZodType, index): [string, (value: unknown) => unknown] => [
      `schema ${String(index)}`,
      (value) => parseBody(schema, value),
    ],
  ),
];

test.each(readers)('any JSON as a %s is read, or refused with a reason', (_, read) => {
  fc.assert(
    fc.property(json, (value) => {
      try {
        read(value);
      } catch (error) {
        expect(isSwarmError(error) && error.message.length > 0, String(error)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});
