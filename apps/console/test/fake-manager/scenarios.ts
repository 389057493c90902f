import type { ServiceSpec } from '@skep/model';

import { World } from './world.ts';

const MIB = 1024 * 1024;

interface Draft {
  readonly name: string;
  readonly image: string;
  readonly replicas: number | 'global';
  readonly port?: number;
  readonly stack?: string;
  readonly constraint?: string;
}

function spec({ name, image, replicas, port, stack, constraint }: Draft): ServiceSpec {
  return {
    name,
    ...(stack === undefined ? {} : { labels: { 'com.docker.stack.namespace': stack } }),
    task: {
      container: { image, env: ['TZ=Europe/Paris', 'LOG_LEVEL=info'] },
      resources: {
        reservations: { nanoCpus: 250_000_000, memoryBytes: 192 * MIB },
        limits: { memoryBytes: 512 * MIB },
      },
      ...(constraint === undefined ? {} : { placement: { constraints: [constraint] } }),
    },
    mode: replicas === 'global' ? { type: 'global' } : { type: 'replicated', replicas },
    update: { parallelism: 2, order: 'start-first', delayNs: 2_000_000_000 },
    ...(port === undefined
      ? {}
      : {
          endpoint: {
            ports: [{ protocol: 'tcp', targetPort: 8080, publishedPort: port, publishMode: 'ingress' }],
          },
        }),
  };
}

const CALM: readonly Draft[] = [
  { name: 'shop_web', image: 'registry.example.net/shop/web:8.2.1', replicas: 6, port: 443, stack: 'shop' },
  { name: 'shop_api', image: 'registry.example.net/shop/api:2.4.1', replicas: 9, port: 8443, stack: 'shop' },
  { name: 'shop_worker', image: 'registry.example.net/shop/worker:2.4.1', replicas: 4, stack: 'shop' },
  { name: 'shop_cache', image: 'valkey/valkey:9.0-alpine', replicas: 1, stack: 'shop' },
  { name: 'infra_proxy', image: 'traefik:v3.6', replicas: 'global', port: 80, stack: 'infra' },
  { name: 'infra_metrics', image: 'prom/prometheus:v3.7.1', replicas: 1, port: 9090, stack: 'infra' },
  { name: 'clock', image: 'busybox:1.37', replicas: 1 },
  { name: 'mailer', image: 'registry.example.net/tools/mailer:1.0.14', replicas: 2 },
];

const STACK_SOURCES: Readonly<Record<string, string>> = {
  shop: `# The shop: web in front, api and workers behind.
services:
  web:
    image: registry.example.net/shop/web:8.2.1
    ports: ["443:8080"]
    deploy:
      replicas: 6
      update_config:
        parallelism: 2
        order: start-first
  api:
    image: registry.example.net/shop/api:2.4.1
    ports: ["8443:8080"]
    deploy: { replicas: 9 }
  worker:
    image: registry.example.net/shop/worker:2.4.1
    deploy: { replicas: 4 }
  cache:
    image: valkey/valkey:9.0-alpine
networks:
  default:
    driver: overlay
`,
  infra: `services:
  proxy:
    image: traefik:v3.6
    ports: ["80:8080"]
    deploy: { mode: global }
  metrics:
    image: prom/prometheus:v3.7.1
    ports: ["9090:8080"]
`,
};

function furnish(world: World): void {
  for (const [name, source] of Object.entries(STACK_SOURCES)) {
    world.put('stacks', {
      ...world.meta(),
      name,
      revision: name === 'shop' ? 12 : 3,
      deployedBy: 'user:admin',
      message: 'deploy',
    });
    world.sources.set(name, source);
  }
  world.put('networks', {
    ...world.meta(),
    spec: {
      name: 'shop_default',
      driver: 'overlay',
      attachable: false,
      labels: { 'com.docker.stack.namespace': 'shop' },
    },
    vni: 4097,
    ipam: [{ subnet: '10.0.1.0/24', gateway: '10.0.1.1' }],
  });
  for (const name of ['shop_db_password', 'shop_stripe_key', 'tls_example_net']) {
    world.put('secrets', { ...world.meta(-86_400_000 * 40), spec: { name } });
  }
  const config = world.meta(-86_400_000 * 9);
  world.put('configs', { ...config, spec: { name: 'infra_prometheus_yml' } });
  world.configData.set(config.id, Buffer.from('scrape_configs:\n  - job_name: skep\n').toString('base64'));
}

function settle(world: World, steps: number): void {
  for (let step = 0; step < steps; step += 1) {
    world.step(400);
  }
  world.record('service.update', 'shop_web', 'ok', 'image 8.2.0 → 8.2.1');
  world.record('node.update', 'worker-2', 'ok', 'availability drain → active');
  world.record('secret.create', 'shop_stripe_key');
  world.record('stack.deploy', 'shop', 'failed', 'line 7: port 443 is published by infra_proxy already');
  world.record('service.remove', 'mailer', 'denied', 'role viewer may not service.write');
}

function build(seed: number, managers: number, workers: number, drafts: readonly Draft[]): World {
  const world = new World({ seed, managers, workers, nowMs: Date.now() - 60_000 });
  furnish(world);
  for (const draft of drafts) {
    world.createService(spec(draft), -3_600_000 * (1 + world.prng.below(40)));
  }
  settle(world, 40);
  world.nowMs = Date.now();
  return world;
}

function many(services: number, replicas: number): Draft[] {
  return Array.from({ length: services }, (_, index) => ({
    name: `app${String(index + 1).padStart(3, '0')}_${['web', 'api', 'worker', 'cron'][index % 4] ?? 'web'}`,
    image: `registry.example.net/team${String(index % 7)}/app:${String(1 + (index % 9))}.${String(index % 13)}`,
    replicas,
    stack: `app${String(index + 1).padStart(3, '0')}`,
  }));
}

/** Worlds by name. Each is the same every time. */
export const SCENARIOS: Readonly<Record<string, () => World>> = {
  calm: () => build(1, 3, 4, CALM),
  empty: () => {
    const world = new World({ seed: 2, managers: 1, workers: 0, nowMs: Date.now() });
    world.say('cluster.created', 'The cluster was created', 'info', 'atelier');
    return world;
  },
  trouble: () => {
    const world = build(3, 3, 4, [
      ...CALM,
      { name: 'shop_search', image: 'crash/search:0.9', replicas: 3, stack: 'shop' },
      { name: 'reports', image: 'missing/reports:2025', replicas: 2 },
      {
        name: 'gpu_trainer',
        image: 'registry.example.net/ml/train:4',
        replicas: 2,
        constraint: 'node.labels.gpu==impossible',
      },
    ]);
    world.loseNode('worker-4');
    for (let step = 0; step < 12; step += 1) {
      world.step(400);
    }
    const api = world.byName('shop_api');
    if (api !== undefined) {
      world.updateService(api.id, {
        ...api.spec,
        task: {
          ...api.spec.task,
          container: { ...api.spec.task.container, image: 'registry.example.net/shop/api:2.5.0' },
        },
      });
    }
    world.step(400);
    world.nowMs = Date.now();
    return world;
  },
  big: () => build(4, 3, 47, many(100, 10)),
};
