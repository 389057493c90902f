import { join } from 'node:path';

import { test as base } from '@playwright/test';
import type { BrowserContext, Page } from '@playwright/test';

import { startFakeManager } from '../fake-manager/server.ts';
import type { FakeManager } from '../fake-manager/server.ts';

const OUT = join(import.meta.dirname, '../../out');

interface Options {
  /** Which world the manager plays; see scenarios.ts. */
  scenario: string;
}

interface Fixtures {
  readonly manager: FakeManager;
  /** Faults the page reported: uncaught errors, console errors, refused scripts. */
  readonly faults: string[];
}

/** One manager and one signed-in page per test. A page that reports a fault fails its test. */
export const test = base.extend<Options & Fixtures>({
  scenario: ['calm', { option: true }],
  manager: async ({ scenario }, provide) => {
    const manager = await startFakeManager({ scenario, root: OUT, stepMs: 150 });
    await provide(manager);
    await manager.stop();
  },
  baseURL: async ({ manager }, provide) => {
    await provide(manager.url);
  },
  faults: async ({ page }, provide) => {
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      // Requests that are refused on purpose show up as failed resources.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        faults.push(message.text());
      }
    });
    await provide(faults);
    if (faults.length > 0) {
      throw new Error(`the page reported: ${faults.join('\n')}`);
    }
  },
});

export { expect } from '@playwright/test';

export async function signIn(context: BrowserContext, manager: FakeManager): Promise<void> {
  await context.addCookies([{ name: 'sid', value: 'fake', url: manager.url }]);
}

/** Opens a page and waits until it shows live data. */
export async function openLive(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await page.locator('main h1').waitFor();
  await page
    .getByRole('status')
    .filter({ hasText: /^(Live|En direct)$/ })
    .waitFor();
}
