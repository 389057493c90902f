// Generates the Prisma client of the history database (apps/manager/src/history/generated), when the schema changed.
// Prisma's command line wants to download an engine that `generate` does not use; naming any executable in its place
// keeps it off the network.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const schema = join(root, 'prisma/schema.prisma');
const output = join(root, 'apps/manager/src/history/generated');
const stamp = join(output, '.schema-sha256');

const fromManager = createRequire(join(root, 'apps/manager/package.json'));
const { version } = fromManager('@prisma/client/package.json');
const digest = createHash('sha256').update(version).update(readFileSync(schema)).digest('hex');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest) {
  const cli = join(dirname(fromManager.resolve('prisma/package.json')), 'build/index.js');
  const run = spawnSync(process.execPath, [cli, 'generate', '--schema', schema], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
  });
  if (run.status !== 0) {
    process.stderr.write(`${run.stdout}${run.stderr}`);
    process.exit(run.status ?? 1);
  }
  writeFileSync(stamp, digest);
}
