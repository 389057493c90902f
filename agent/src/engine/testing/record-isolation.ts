import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { PROBE_COMMAND, parseProbe, probeImage } from './isolation-probe.ts';

/*
 * Records what a container of Docker's sees: DOCKER_HOST=unix://... node record-isolation.ts
 * The daemon should be one of Debian's docker.io; what the table holds is compared in isolation.itest.ts.
 */
const docker = (args: readonly string[], input?: Buffer): string =>
  execFileSync('docker', args, { encoding: 'utf8', ...(input === undefined ? {} : { input }) });

docker(['load', '-q'], probeImage());
const version = docker(['version', '--format', '{{.Server.Version}}']).trim();
const table = parseProbe(docker(['run', '--rm', 'skep-probe', ...PROBE_COMMAND]));
const target = fileURLToPath(new URL('../testdata/isolation-docker.json', import.meta.url));
writeFileSync(target, `${JSON.stringify({ version, ...table }, null, 1)}\n`);
