import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { Lab, pushSample } from '@skep/lab';

/**
 * npm run e2e: a real lab swarm, and Playwright with its browser inside the lab's client namespace. Arguments go to
 * `playwright test`. SKEP_E2E_KEEP=1 keeps the lab for a look.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LAB = process.env['SKEP_LAB'] ?? 'e2e';

const lab = await Lab.up(
  {
    hosts: 3,
    managers: 3,
    isBare: false,
    isWithoutAdmin: true,
    onProgress: (line) => process.stderr.write(`  ${line}\n`),
  },
  LAB,
);
try {
  await pushSample(lab.paths, 'web', ['10.88.0.250:5000/skep/web:latest']);
  const argv = lab.client([
    'playwright',
    'test',
    '--config',
    'tests/playwright.config.ts',
    ...process.argv.slice(2),
  ]);
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, SKEP_LAB: LAB } });
  process.exitCode = await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)));
} finally {
  if (process.env['SKEP_E2E_KEEP'] !== '1') {
    // Opened anew: the tests have switched hosts off and on, and those are other processes now.
    await Lab.open(LAB).down();
  }
}
