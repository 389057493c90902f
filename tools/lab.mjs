// npm run lab: prepares what the lab needs and hands over to docker-dev/lab on the pinned Node.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { CHILD_ENV, NODE, ROOT, build, installPackages, prepare, withObstacles } from './prepare.mjs';

const args = process.argv.slice(2);
const say = (line) => process.stderr.write(`${line}\n`);

await withObstacles(async () => {
  if (args.includes('up')) {
    await prepare('lab', say);
  } else if (!existsSync(NODE)) {
    await installPackages(say);
    await build(say);
  }
  const child = spawn(
    NODE,
    ['--disable-warning=ExperimentalWarning', join(ROOT, 'docker-dev/lab/main.ts'), ...args],
    {
      env: CHILD_ENV,
      stdio: 'inherit',
    },
  );
  // A terminal's Ctrl-C reaches the child too; it decides.
  process.on('SIGINT', () => undefined);
  process.exitCode = await new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
});
