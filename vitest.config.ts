import { availableParallelism } from 'node:os';

import { defineConfig } from 'vitest/config';

/** Test files that leave no state in the modules they load: they may share a worker's, which saves loading them again. */
const SHARING = [
  'libs/{kernel,model,raft,store,orchestrator,compose,contract,docker-api,wire}/**/*.test.ts',
  'agent/src/{engine,network,process,supervise,volume,worker}/**/*.test.ts',
  'apps/manager/**/*.test.ts',
];

const NOT_OURS = ['**/node_modules/**', '**/dist/**', '**/out/**', '**/.next/**'];

/**
 * Unit and property tests. Whole managers, whole simulations, and what needs root and the kernel are `*.itest.ts`
 * (vitest.itest.config.ts).
 */
export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // One more than the smallest machine has cores: some tests wait. The default there would be a single worker.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    projects: [
      {
        extends: true,
        test: { name: 'sharing', include: SHARING, exclude: NOT_OURS, isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: [
            'libs/**/*.test.ts',
            'agent/**/*.test.ts',
            'apps/**/*.test.{ts,tsx}',
            'docker-dev/**/*.test.ts',
            'tools/**/*.test.ts',
            'tests/**/*.test.ts',
          ],
          exclude: [...NOT_OURS, ...SHARING],
        },
      },
    ],
  },
});
