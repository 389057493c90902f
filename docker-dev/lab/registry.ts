import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { must, run } from './command.ts';
import { REGISTRY, REGISTRY_ADDRESS, namespaceName, type LabPaths } from './paths.ts';
import { recordProcess, waitUntil, type ProcessRecord } from './processes.ts';

/** Debian's `docker-registry` in a namespace of the lab's network: plain HTTP, deletes allowed. */
export async function startRegistry(lab: LabPaths): Promise<ProcessRecord> {
  mkdirSync(lab.registryDir, { recursive: true });
  const configFile = join(lab.registryDir, 'config.yml');
  writeFileSync(
    configFile,
    [
      'version: 0.1',
      'log: {level: warn}',
      `storage: {filesystem: {rootdirectory: ${lab.registryDir}}, delete: {enabled: true}}`,
      `http: {addr: "${REGISTRY_ADDRESS}:5000"}`,
      '',
    ].join('\n'),
  );
  const log = openSync(join(lab.registryDir, 'registry.log'), 'a');
  const child = spawn(
    'nsenter',
    [`--net=/run/netns/${namespaceName(lab.name, 'registry')}`, 'docker-registry', 'serve', configFile],
    { stdio: ['ignore', log, log], detached: true, env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' } },
  );
  closeSync(log);
  child.unref();
  const record = recordProcess(child.pid ?? 0);
  await waitUntil('the registry answers', () => answers(lab), { timeoutMs: 15_000, everyMs: 100 });
  return record;
}

async function answers(lab: LabPaths): Promise<boolean> {
  const probe = await run([
    ...inClient(lab),
    'busybox',
    'wget',
    '-q',
    '-O',
    '/dev/null',
    `http://${REGISTRY}/v2/`,
  ]);
  return probe.exitCode === 0;
}

/** Prefix of a command that shall run on the client's side of the lab's network. */
export function inClient(lab: LabPaths): string[] {
  return ['nsenter', `--net=/run/netns/${namespaceName(lab.name, 'client')}`];
}

/** Builds one of the sample images and pushes it into the lab's registry under each reference. */
export async function pushSample(
  lab: LabPaths,
  kind: 'sample' | 'web',
  references: readonly string[],
): Promise<void> {
  const script = fileURLToPath(new URL('../images/push.ts', import.meta.url));
  await must([
    ...inClient(lab),
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    script,
    kind,
    ...references,
  ]);
}
