import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { SwarmError } from '@skep/kernel';

import { REGISTRY } from './paths.ts';

const built = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The programs a host runs, as `npm run build` makes them. */
const SWARMD = built('agent/dist/swarmd.mjs');
const MANAGER = built('apps/manager/dist/manager.mjs');
const CONSOLE = built('apps/console/out');

/** Where one swarmd keeps its things. */
export interface AgentPlace {
  /** Host name it shows. */
  readonly name: string;
  readonly runRoot: string;
  readonly dataRoot: string;
  readonly cgroup: string;
}

/** swarmd's command line on one host. */
export function agentArgv(host: AgentPlace): string[] {
  return [
    process.execPath,
    SWARMD,
    `--data-root=${host.dataRoot}`,
    `--run-root=${host.runRoot}`,
    `--cgroup-parent=${host.cgroup}`,
    `--hostname=${host.name}`,
    `--manager-bin=${MANAGER}`,
    `--console-dir=${CONSOLE}`,
    `--insecure-registry=${REGISTRY}`,
  ];
}

/** @throws SwarmError `failed_precondition` when something the lab stands on is missing. */
export function assertPrerequisites(): void {
  if (process.getuid?.() !== 0) {
    throw new SwarmError('failed_precondition', 'the lab makes namespaces and mounts: run it as root');
  }
  for (const file of [SWARMD, MANAGER, CONSOLE]) {
    if (!existsSync(file)) {
      throw new SwarmError('failed_precondition', `${file} is not built; run npm run build`);
    }
  }
}
