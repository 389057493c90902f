import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { IdMap } from '@skep/oci';
import { Engine } from '../engine.ts';

/*
 * An engine in a process of its own that can be killed at any moment. Arguments: data root, run root, cgroup parent,
 * id map of users (JSON, or empty), script. The script is a list of calls in JSON; after each one its result is printed
 * as one line. An argument `{"file": path}` stands for what is in that file, as a stream.
 */

interface Step {
  readonly call: string;
  readonly args: readonly unknown[];
}

const [dataRoot = '', runRoot = '', cgroupParent = '', idMapText = '', script = '[]'] = process.argv.slice(2);
const remapping = idMapText === '' ? {} : { idMap: JSON.parse(idMapText) as IdMap };
const engine = await Engine.open({ dataRoot, runRoot, cgroupParent, ...remapping });

function withStreams(_key: string, value: unknown): unknown {
  const file = (value as { file?: unknown } | null)?.file;
  return typeof file === 'string' ? createReadStream(file) : value;
}

for (const { call, args } of JSON.parse(script, withStreams) as Step[]) {
  const [part = '', method = ''] = call.split('.');
  const target = Reflect.get(engine, part) as Record<string, (...rest: unknown[]) => Promise<unknown>>;
  const result = await target[method]?.apply(target, [...args]);
  process.stdout.write(`${JSON.stringify(result ?? null)}\n`);
}
process.stdout.write('"done"\n');
// Stays until it is killed.
setInterval(() => undefined, 1000);
await once(process, 'SIGTERM');
