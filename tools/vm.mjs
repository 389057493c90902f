// npm run vm: prepares what a virtual machine needs and hands over to docker-dev/vm on the pinned Node.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { checkMachine, installMissing } from './prerequisites.mjs';
import { CHILD_ENV, NODE, ROOT, installPackages, withObstacles } from './prepare.mjs';

const args = process.argv.slice(2);
const say = (line) => process.stderr.write(`${line}\n`);

await withObstacles(async () => {
  await installPackages(say);
  if (!args.includes('--help') && !args.includes('--clean')) {
    checkMachine();
    installMissing('vm', say);
  }
  const argv = ['--disable-warning=ExperimentalWarning', join(ROOT, 'docker-dev/vm/main.ts'), ...args];
  const child = spawn(NODE, argv, { env: CHILD_ENV, stdio: 'inherit' });
  // A terminal's Ctrl-C reaches the child too, and it decides; a plain kill of this process is passed on.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.exitCode = await new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
});
