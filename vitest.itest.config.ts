import { defineConfig } from 'vitest/config';

/** Tests against the real kernel, runtime, registry and database, one file at a time. Needs root. */
export default defineConfig({
  test: {
    include: [
      'libs/**/*.itest.ts',
      'agent/**/*.itest.ts',
      'apps/**/*.itest.ts',
      'docker-dev/**/*.itest.ts',
      'tests/**/*.itest.ts',
    ],
    exclude: ['**/node_modules/**', '**/dist/**'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
