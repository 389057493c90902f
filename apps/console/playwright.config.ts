import { defineConfig } from '@playwright/test';

/** The built console (`npm run build`) in Debian's chromium, against a manager that exists only in memory. */
export default defineConfig({
  testDir: 'test/browser',
  testMatch: '*.spec.ts',
  fullyParallel: true,
  workers: 2,
  // Generous: a machine that does other work besides is slow, and no assertion waits for time to pass.
  timeout: 240_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  outputDir: 'test-results',
  use: {
    browserName: 'chromium',
    launchOptions: { executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] },
    viewport: { width: 1440, height: 900 },
    trace: 'retain-on-failure',
  },
});
