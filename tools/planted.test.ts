import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { tooLong } from './file-length.ts';

/** The rules of `npm run check` are seen to catch what they are for, in a small copy of the tree's shape. */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FILES: Readonly<Record<string, string>> = {
  'package.json': '{"name":"planted","private":true,"type":"module","workspaces":["libs/*"]}',
  'tsconfig.json':
    '{"compilerOptions":{"target":"ES2023","module":"NodeNext","strict":true,"noEmit":true,"allowImportingTsExtensions":true,"types":[]}}',
  'libs/raft/package.json': '{"name":"@skep/raft","version":"0.1.0","type":"module"}',
  'libs/raft/src/index.ts': "export { used } from './used.ts';\n",
  'libs/raft/src/used.ts':
    "import { rows } from '../../store/src/index.ts';\nexport const used = rows;\nexport const forgotten = 1;\n",
  'libs/store/package.json': '{"name":"@skep/store","version":"0.1.0","type":"module"}',
  'libs/store/src/index.ts':
    'const late = async (): Promise<number> => 1;\nexport const rows = (): void => {\n  late();\n};\n',
};

let tree: string;

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'skep-planted-'));
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  for (const path of ['.dependency-cruiser.cjs', '.oxlintrc.json', 'knip.json', 'tsconfig.base.json']) {
    cpSync(join(ROOT, path), join(tree, path));
  }
});

afterAll(() => {
  rmSync(tree, { recursive: true, force: true });
});

function run(program: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(
      join(ROOT, 'node_modules/.bin', program),
      args,
      { cwd: tree, env: { ...process.env, NO_COLOR: '1' } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
      },
    );
  });
}

test('an import against the layers is refused, and named', async () => {
  const { code, output } = await run('depcruise', ['--config', '.dependency-cruiser.cjs', 'libs']);
  expect(code).toBeGreaterThan(0);
  expect(output).toMatch(/layer-libs-raft: libs\/raft\/src\/used\.ts → libs\/store\/src\/index\.ts/);
  expect(output).toMatch(/no-deep-imports|layer-libs-raft/);
});

test('an export that nobody uses is refused', async () => {
  const { code, output } = await run('knip', ['--no-progress', '--include', 'exports']);
  expect(code).toBeGreaterThan(0);
  expect(output).toMatch(/forgotten.*libs\/raft\/src\/used\.ts/);
  expect(output).not.toMatch(/\bused\b.*libs\/raft\/src\/index\.ts/);
});

test('a promise that nobody waits for is refused', async () => {
  const { code, output } = await run('oxlint', ['--type-aware', 'libs']);
  expect(code).toBeGreaterThan(0);
  expect(output).toContain('no-floating-promises');
});

test('a file of more than 500 lines is refused, one of 500 is not', () => {
  const text = (lines: number) => Array.from({ length: lines }, () => 'x').join('\n');
  expect(
    tooLong([
      { path: 'a.ts', text: text(501) },
      { path: 'b.ts', text: text(500) },
    ]),
  ).toEqual(['a.ts (501)']);
});
