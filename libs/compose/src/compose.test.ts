import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parseStack } from './parse-stack.ts';
import { splitWords } from './scalars.ts';
import { parseShortPort, parseShortVolume } from './short-syntax.ts';

const parse = (
  text: string,
  variables: Record<string, string> = {},
  files: Record<string, Uint8Array> = {},
) => parseStack({ name: 'shop', text, variables, files });

const first = (text: string) => parse(text).diagnostics.find(({ severity }) => severity === 'error');

describe('a whole stack', () => {
  const result = parse(
    `
x-common: &common
  logging: {driver: json-file, options: {max-size: 10m}}
services:
  web:
    <<: *common
    image: registry:5000/web:\${TAG:-1.0}
    command: serve --port 80
    environment: {MODE: prod, EMPTY: ~}
    ports: ["8080:80", {target: 53, published: 5353, protocol: udp, mode: host}]
    networks: {front: {aliases: [www]}}
    secrets: [db_password]
    configs: [{source: site, target: /etc/site.conf, mode: 0440}]
    volumes: ["data:/var/lib/data", "/etc/hosts:/hosts:ro"]
    healthcheck: {test: "wget -q localhost", interval: 10s, retries: 3}
    deploy:
      replicas: 3
      update_config: {parallelism: 2, delay: 1m30s, max_failure_ratio: 0.25, order: start-first}
      placement: {constraints: [node.role == worker], preferences: [{spread: node.labels.zone}]}
      resources: {limits: {cpus: "0.5", memory: 64m}}
  job:
    image: job
    deploy: {mode: replicated-job, replicas: 4}
networks: {front: {driver: overlay, attachable: true}}
volumes: {data: {}}
secrets: {db_password: {file: ./pw}}
configs: {site: {content: "hello"}}
`,
    {},
    { './pw': new TextEncoder().encode('s3cret') },
  );
  const stack = result.ok ? result.stack : undefined;

  test('is read without remarks', () => {
    expect(result.diagnostics).toEqual([]);
    expect(result.ok).toBe(true);
  });

  test('becomes services with scoped names and stack labels', () => {
    expect(stack?.services.map(({ name }) => name)).toEqual(['shop_web', 'shop_job']);
    expect(stack?.services[0]?.labels).toEqual({
      'com.docker.stack.namespace': 'shop',
      'com.docker.stack.image': 'registry:5000/web:1.0',
    });
  });

  test('carries every setting over', () => {
    expect(stack?.services[0]).toMatchObject({
      mode: { type: 'replicated', replicas: 3 },
      update: { parallelism: 2, delayNs: 90e9, maxFailurePerMille: 250, order: 'start-first' },
      endpoint: {
        ports: [
          { protocol: 'tcp', targetPort: 80, publishedPort: 8080, publishMode: 'ingress' },
          { protocol: 'udp', targetPort: 53, publishedPort: 5353, publishMode: 'host' },
        ],
      },
      task: {
        container: {
          image: 'registry:5000/web:1.0',
          args: ['serve', '--port', '80'],
          env: ['MODE=prod'],
          healthcheck: { test: ['CMD-SHELL', 'wget -q localhost'], intervalNs: 10e9, retries: 3 },
          mounts: [
            { type: 'volume', source: 'shop_data', target: '/var/lib/data' },
            { type: 'bind', source: '/etc/hosts', target: '/hosts', readOnly: true },
          ],
          secrets: [{ secretName: 'shop_db_password', file: { name: 'db_password', mode: 0o444 } }],
          configs: [{ configName: 'shop_site', file: { name: '/etc/site.conf', mode: 0o440 } }],
        },
        networks: [{ target: 'shop_front', aliases: ['web', 'www'] }],
        resources: { limits: { nanoCpus: 5e8, memoryBytes: 64 * 1024 ** 2 } },
        placement: { constraints: ['node.role == worker'], preferences: [{ spread: 'node.labels.zone' }] },
        logDriver: { name: 'json-file', options: { 'max-size': '10m' } },
      },
    });
    expect(stack?.services[1]?.mode).toEqual({
      type: 'replicated-job',
      maxConcurrent: 4,
      totalCompletions: 4,
    });
  });

  test('brings the networks and payloads, the default network only when it is used', () => {
    expect(stack?.networks.map(({ spec }) => spec.name)).toEqual(['shop_default', 'shop_front']);
    expect(new TextDecoder().decode(stack?.secrets[0]?.data)).toBe('s3cret');
    expect(new TextDecoder().decode(stack?.configs[0]?.data)).toBe('hello');
  });
});

describe('every error has its place', () => {
  test.each<[string, string, number, number, RegExp]>([
    ['syntax', 'services:\n  web: {image: a\n  b: c', 3, 3, /./],
    ['a duplicate key', 'services:\n  a: {image: x}\n  a: {image: y}\n', 3, 3, /unique/],
    ['an unknown key', 'services:\n  web:\n    image: a\n    colour: red\n', 4, 5, /colour is not supported/],
    [
      'a known but refused key',
      'services:\n  web:\n    image: a\n    build: .\n',
      4,
      5,
      /build and push it first/,
    ],
    ['a missing image', 'services:\n  web:\n    tty: true\n', 3, 5, /image is required/],
    ['a bad port', 'services:\n  web:\n    image: a\n    ports:\n      - "80:x"\n', 5, 9, /not a port/],
    [
      'port mapping out of range',
      'services:\n  web:\n    image: a\n    ports: [{target: 70000}]\n',
      4,
      22,
      /not a port from 1 to 65535/,
    ],
    [
      'a bad duration',
      'services:\n  web:\n    image: a\n    stop_grace_period: soon\n',
      4,
      24,
      /not a duration/,
    ],
    [
      'negative replicas',
      'services:\n  web:\n    image: a\n    deploy: {replicas: -1}\n',
      2,
      3,
      /mode.replicas/,
    ],
    [
      'an undeclared network',
      'services:\n  web:\n    image: a\n    networks: [back]\n',
      4,
      15,
      /"back" is not declared/,
    ],
    [
      'an undeclared volume',
      'services:\n  web:\n    image: a\n    volumes: ["d:/d"]\n',
      4,
      15,
      /"d" is not declared/,
    ],
    [
      'an undeclared secret',
      'services:\n  web:\n    image: a\n    secrets: [k]\n',
      4,
      15,
      /"k" is not declared/,
    ],
    [
      'a required variable',
      'services:\n  web:\n    image: "a:${TAG:?set the tag}"\n',
      3,
      12,
      /TAG must be set: set the tag/,
    ],
    ['an open brace', 'services:\n  web:\n    image: "a:${TAG"\n', 3, 12, /closing/],
    ['no services', 'services: {}\n', 1, 11, /at least one service/],
    [
      'replicas with global',
      'services:\n  web:\n    image: a\n    deploy: {mode: global, replicas: 2}\n',
      4,
      28,
      /cannot be used/,
    ],
    ['a list instead of a mapping', '- a\n- b\n', 1, 1, /./],
    [
      'a payload with two sources',
      'services: {a: {image: a}}\nconfigs:\n  c: {content: x, file: y}\n',
      3,
      6,
      /exactly one/,
    ],
  ])('%s', (_name, text, line, column, message) => {
    expect(first(text)).toMatchObject({ line, column });
    expect(first(text)?.message).toMatch(message);
  });

  test('all errors are told at once', () => {
    const text = 'services:\n  a: {image: a, build: .}\n  b: {tty: true}\n';
    expect(parse(text).diagnostics.map(({ line }) => line)).toEqual([2, 3]);
  });

  test('an alias bomb is refused', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghi'.split('').map((k, i) => `${k}: &${k} [${`*${'abcdefghi'[i]},`.repeat(9)}]`),
    ];
    expect(parse(bomb.join('\n')).ok).toBe(false);
  });

  test('no text makes it throw', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof parse(text).ok === 'boolean'));
    const keys = fc.constantFrom('services', 'image', 'ports', 'deploy', 'networks', 'web', '${X}', '80:80');
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 5 },
        keys,
        fc.integer(),
        fc.constant(null),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(keys, tie('node'), { maxKeys: 3 }),
      ),
    })).node;
    fc.assert(fc.property(tree, (value) => typeof parse(JSON.stringify(value)).ok === 'boolean'));
  });
});

describe('warnings', () => {
  test('an unset variable and an obsolete version do not stop a deploy', () => {
    const result = parse('version: "3.8"\nservices:\n  a:\n    image: a:${TAG}x\n');
    expect(result.ok).toBe(true);
    expect(result.diagnostics.map(({ severity, line }) => [severity, line])).toEqual([
      ['warning', 1],
      ['warning', 4],
    ]);
  });
});

describe('short syntax', () => {
  test.each([
    '',
    ':',
    '80:',
    'a:80',
    '0:80',
    '70000',
    '80-70:80',
    '80-81:80-83',
    '127.0.0.1:80:80',
    '80/icmp',
  ])('port "%s" is refused', (text) => {
    expect(parseShortPort(text).ok).toBe(false);
  });

  test('a range stands for its ports', () => {
    const ports = parseShortPort('8080-8082:80-82/udp');
    expect(
      ports.ok && ports.value.map((port) => [port.publishedPort, port.targetPort, port.protocol]),
    ).toEqual([
      [8080, 80, 'udp'],
      [8081, 81, 'udp'],
      [8082, 82, 'udp'],
    ]);
  });

  test.each(['', 'a:b', './x:/y', 'a:/b:fast', 'a:/b:ro:x', ':/b'])('volume "%s" is refused', (text) => {
    expect(parseShortVolume(text).ok).toBe(false);
  });

  test.each<[string, string[]]>([
    ['a b  c', ['a', 'b', 'c']],
    [`sh -c "echo 'hi there'"`, ['sh', '-c', "echo 'hi there'"]],
    ['a\\ b', ['a b']],
    [`'' x`, ['', 'x']],
  ])('words of %s', (text, words) => {
    expect(splitWords(text)).toEqual(words);
  });
});
