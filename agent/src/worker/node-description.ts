import { machine } from 'node:os';

import type { NodeDescription } from '@skep/model';

import type { EngineApi } from '../engine/engine-api.ts';

const NANO = 1_000_000_000;

const PLUGINS = [
  ...['json-file', 'local', 'none'].map((name) => ({ type: 'Log', name })),
  ...['bridge', 'host', 'null', 'overlay'].map((name) => ({ type: 'Network', name })),
  { type: 'Volume', name: 'local' },
];

/** What this node says of itself to the managers. */
export async function describeNode(
  engine: Pick<EngineApi, 'info'>,
  facts: {
    readonly hostname: string;
    readonly version: string;
    readonly labels: Readonly<Record<string, string>>;
  },
): Promise<NodeDescription> {
  const info = await engine.info();
  return {
    hostname: facts.hostname,
    platform: { os: 'linux', architecture: machine() },
    resources: { nanoCpus: info.cpus * NANO, memoryBytes: info.memoryBytes },
    engine: {
      version: facts.version,
      labels: { ...facts.labels },
      plugins: PLUGINS,
    },
  };
}
