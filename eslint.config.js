// Rules with meaning; formatting is Prettier's. Rules that need types are in .oxlintrc.json: checked natively, they cost
// a seventh of what they cost here. The layers of docs/architecture.md are held by .dependency-cruiser.cjs.
import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const bannedSyntax = [
  { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
  { selector: 'ExportAllDeclaration', message: 'Name what is exported.' },
];

const defaultExport = { selector: 'ExportDefaultDeclaration', message: 'Use a named export.' };

// tsx, esbuild and vitest emit no decorator metadata: a parameter without @Inject would be undefined at run time.
const injectRule = {
  selector:
    'ClassDeclaration:has(> Decorator[expression.callee.name=/^(Injectable|Controller|WebSocketGateway|Catch)$/]) MethodDefinition[kind="constructor"] > FunctionExpression > TSParameterProperty:not(:has(Decorator))',
  message: 'Each constructor parameter of a Nest class needs @Inject(Token).',
};

// Decisions are pure: no clock, randomness, timers, environment or I/O.
const pureGlobals = [
  'Date',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'fetch',
  'process',
  'crypto',
  'performance',
].map((name) => ({ name, message: 'Pure package: take it as an argument.' }));

const purePackages = [
  'libs/kernel/src/**/*.ts',
  'libs/model/src/**/*.ts',
  'libs/raft/src/**/*.ts',
  'libs/store/src/**/*.ts',
  'libs/orchestrator/src/**/*.ts',
  'libs/compose/src/**/*.ts',
  'libs/docker-api/src/**/*.ts',
  'libs/wire/src/**/*.ts',
  'libs/oci/src/core/**/*.ts',
];

const tests = [
  '**/*.test.ts',
  '**/*.test.tsx',
  '**/*.itest.ts',
  '**/*.spec.ts',
  '**/testing/**',
  'tests/**',
  '**/test/**',
];

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/out/**',
      '**/.next/**',
      '**/.tsbuild/**',
      '**/generated/**',
      '**/*.d.ts',
      'node_modules/**',
      'apps/console/public/**',
      'apps/console/next-env.d.ts',
    ],
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [js.configs.recommended, ...tseslint.configs.strict],
    // A comment may switch off a rule that only .oxlintrc.json has.
    linterOptions: { reportUnusedDisableDirectives: 'off' },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // zod schemas and their types share one name on purpose.
      '@typescript-eslint/no-redeclare': 'off',
      'no-redeclare': 'off',
      eqeqeq: 'error',
      curly: 'error',
      'no-console': 'error',
      'max-depth': ['error', 4],
      'max-params': ['error', 4],
      complexity: ['error', 16],
      'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': ['error', ...bannedSyntax, defaultExport, injectRule],
    },
  },
  {
    files: purePackages,
    ignores: tests,
    rules: {
      'no-restricted-globals': ['error', ...pureGlobals],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['node:*', 'fs', 'net', 'tls', 'crypto', 'child_process'],
              message: 'Pure package: no I/O.',
            },
          ],
        },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Take a Prng as an argument.' },
        { property: 'localeCompare', message: 'Compare by code unit: order must not depend on a locale.' },
      ],
      'no-restricted-syntax': [
        'error',
        ...bannedSyntax,
        defaultExport,
        { selector: ':function[async=true]', message: 'Pure packages are synchronous.' },
      ],
    },
  },
  {
    files: tests,
    rules: {
      'max-lines-per-function': 'off',
      'max-params': 'off',
      complexity: 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['apps/manager/**/*.ts'],
    rules: {
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/parameter-properties': 'off',
      // Nest injects through the constructor, one parameter for each dependency.
      'max-params': ['error', 7],
    },
  },
  {
    files: ['apps/console/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      'no-restricted-syntax': ['error', ...bannedSyntax],
      'max-lines-per-function': ['error', { max: 160, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 24],
    },
  },
  {
    files: ['**/*.config.ts', 'apps/console/next.config.ts', 'prisma.config.ts'],
    rules: { 'no-restricted-syntax': ['error', ...bannedSyntax] },
  },
  {
    // Command lines print.
    files: ['apps/cli/**/*.ts', 'tools/**/*.ts', 'docker-dev/**/*.ts', 'libs/sim/src/main.ts', '**/bench/**'],
    rules: { 'no-console': 'off' },
  },
);
