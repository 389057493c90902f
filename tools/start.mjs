// npm start: from a bare Debian host to a one-node swarm with the sample stack, in the foreground; Ctrl-C removes it all.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { CHILD_ENV, NODE, ROOT, prepare, withObstacles } from './prepare.mjs';

const say = (line) => process.stdout.write(`  ${line}\n`);

await withObstacles(async () => {
  process.stdout.write('Skep\n');
  await prepare('runtime', say);
  const argv = [
    '--disable-warning=ExperimentalWarning',
    join(ROOT, 'docker-dev/start/main.ts'),
    ...process.argv.slice(2),
  ];
  const child = spawn(NODE, argv, { env: CHILD_ENV, stdio: 'inherit' });
  // A terminal sends Ctrl-C to the child as well; a plain kill of this process is passed on.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.exitCode = await new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
});
