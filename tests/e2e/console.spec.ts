import AxeBuilder from '@axe-core/playwright';
import { expect, test, type BrowserContext, type Page } from '@playwright/test';

import { IMAGE, PASSWORD, consoleUrl, docker, lab, setupUrl } from './swarm-lab.ts';

/** One story on a real three-manager swarm: from the set-up link to a manager that dies. */
test.describe.configure({ mode: 'serial' });

let context: BrowserContext;
let page: Page;

test.beforeAll(async ({ browser }) => {
  context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 1440, height: 900 },
    locale: 'en-US',
  });
  page = await context.newPage();
});

test.afterAll(async () => {
  await context.close();
});

const open = (path: string) => page.goto(`${consoleUrl('h1')}${path}`);

test('the one-time link creates the administrator and signs in', async () => {
  const url = await setupUrl('h1');
  await page.goto(url);
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Create and sign in' }).click();
  await expect(page.getByRole('navigation', { name: 'Main navigation' })).toBeVisible();

  const other = await context.browser()?.newContext({ ignoreHTTPSErrors: true });
  const second = await other?.newPage();
  await second?.goto(url);
  await expect(
    second?.getByText(/already has an administrator|was used already/).first() ?? page.locator('x'),
  ).toBeVisible();
  await other?.close();
});

test('signing out and in again; a wrong password is refused in place', async () => {
  await context.clearCookies();
  await page.goto(`${consoleUrl('h1')}/login`);
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel('Password', { exact: true }).fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByText('Name or password is wrong.')).toBeVisible();
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('navigation', { name: 'Main navigation' })).toBeVisible();
});

test('the nodes of the cluster are listed', async () => {
  await open('/nodes');
  for (const host of ['h1', 'h2', 'h3']) {
    await expect(page.getByRole('link', { name: host, exact: true })).toBeVisible();
  }
});

test('a service is deployed from an image, and its tasks come alive', async () => {
  await open('/deploy');
  await page.getByLabel('Image', { exact: true }).fill(IMAGE);
  await page.getByLabel('Name', { exact: true }).fill('hello');
  await page.getByText('Command and user').click();
  await page.getByLabel('Arguments').fill('sh -c "while :; do echo tick from $HOSTNAME; sleep 1; done"');
  await page.getByRole('button', { name: /^Create and start 1 task/ }).click();
  await expect(page.getByText('1 of 1 tasks healthy')).toBeVisible({ timeout: 30_000 });
  expect(await docker('h2', 'service', 'ls', '--filter', 'name=hello', '--format', '{{.Replicas}}')).toBe(
    '1/1',
  );
});

test('its logs are live', async () => {
  await open('/service?name=hello&tab=logs');
  await expect(page.getByText(/tick from/).first()).toBeVisible({ timeout: 20_000 });
});

test('a change made elsewhere shows at once, without a reload', async () => {
  await open('/services');
  await expect(page.getByRole('link', { name: 'hello', exact: true })).toBeVisible();
  await docker('h3', 'service', 'scale', '--detach', 'hello=3');
  await expect(page.getByText('3/3').first()).toBeVisible({ timeout: 20_000 });
});

test('a stack with an error is told at line and column, and the mended one is deployed', async () => {
  await open('/stacks/new');
  await page.getByLabel('Name of the stack').fill('shop');
  const editor = page.locator('.cm-content');
  await editor.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(
    `services:\n  web:\n    image: ${IMAGE}\n    build: .\n    command: ["sleep", "10000"]\n`,
  );
  await expect(page.getByText(/4:5/).first()).toBeVisible({ timeout: 15_000 });
  await expect(page.getByText(/build is not supported/).first()).toBeVisible();
  await editor.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(
    `services:\n  web:\n    image: ${IMAGE}\n    command: ["sleep", "10000"]\n    deploy: {replicas: 2}\n`,
  );
  await expect(page.getByText(/build is not supported/)).toHaveCount(0, { timeout: 15_000 });
  await page.getByRole('button', { name: 'Deploy the stack' }).click();
  await expect(page.getByText('shop_web').first()).toBeVisible({ timeout: 20_000 });
  await expect
    .poll(() => docker('h1', 'service', 'ls', '--filter', 'name=shop_web', '--format', '{{.Replicas}}'), {
      timeout: 30_000,
    })
    .toBe('2/2');
});

test('what was typed survives a reload', async () => {
  await open('/stacks/new');
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('services: {draft: {image: kept}}');
  await page.waitForTimeout(1200); // The draft is saved half a second after the last key.
  await page.reload();
  await expect(page.locator('.cm-content')).toContainText('image: kept');
});

test('a task that cannot run says why where it is listed', async () => {
  await docker(
    'h1',
    'service',
    'create',
    '--detach',
    '--quiet',
    '--name',
    'stuck',
    '--constraint',
    'node.labels.zone==nowhere',
    IMAGE,
    'sleep',
    '1000',
  );
  await open('/service?name=stuck');
  await expect(page.getByText(/No node matches|constraint/i).first()).toBeVisible({ timeout: 15_000 });
});

const SCREENS = [
  '/',
  '/services',
  '/service?name=hello',
  '/service?name=hello&tab=tasks',
  '/service?name=hello&tab=logs',
  '/stacks',
  '/stack?name=shop',
  '/stacks/new',
  '/deploy',
  '/nodes',
  '/node?name=h1',
  '/nodes/add',
  '/networks',
  '/secrets',
  '/events',
  '/audit',
  '/access/tokens',
  '/me',
];

for (const theme of ['dark', 'light'] as const) {
  for (const locale of ['en', 'fr'] as const) {
    test(`axe finds nothing on any screen: ${theme}, ${locale}`, async ({ browser }) => {
      test.setTimeout(240_000);
      const other = await browser.newContext({
        ignoreHTTPSErrors: true,
        viewport: { width: 1440, height: 900 },
        colorScheme: theme,
        locale: locale === 'fr' ? 'fr-FR' : 'en-US',
        storageState: await context.storageState({ indexedDB: false }),
      });
      const tab = await other.newPage();
      for (const screen of SCREENS) {
        await tab.goto(`${consoleUrl('h1')}${screen}`);
        await expect(tab.getByRole('heading', { level: 1 })).toBeVisible();
        await expect(tab.getByRole('status').filter({ hasText: /^(Live|En direct)$/ })).toBeVisible();
        // No frames here: without the second page that axe opens for them, a pass takes half as long.
        const { violations } = await new AxeBuilder({ page: tab }).setLegacyMode(true).analyze();
        expect(violations.map(({ id, nodes }) => `${screen}: ${id}: ${nodes[0]?.html ?? ''}`)).toEqual([]);
      }
      await other.close();
    });
  }
}

test('French is spoken where it is asked for', async ({ browser }) => {
  const other = await browser.newContext({
    ignoreHTTPSErrors: true,
    locale: 'fr-FR',
    storageState: await context.storageState({ indexedDB: false }),
  });
  const tab = await other.newPage();
  await tab.goto(`${consoleUrl('h1')}/nodes`);
  await expect(tab.getByRole('heading', { level: 1 })).toHaveText(/Nœuds/);
  await other.close();
});

test('when its manager dies, the page says so and another one continues', async () => {
  await open('/services');
  await expect(page.getByRole('link', { name: 'hello', exact: true })).toBeVisible();
  await lab.crash('h1');
  try {
    const link = page.getByRole('link', { name: /h[23]/ }).first();
    await expect(link).toBeVisible({ timeout: 45_000 });
    await expect(page.getByRole('link', { name: 'hello', exact: true })).toBeVisible();
    await page.goto(`${consoleUrl('h2')}/login`);
    await page.getByLabel('User name').fill('admin');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    // The change waits for the next leader; leaving the page before would take it back.
    await expect(page.getByRole('navigation', { name: 'Main navigation' })).toBeVisible();
    await page.goto(`${consoleUrl('h2')}/services`);
    await expect(page.getByRole('link', { name: 'hello', exact: true })).toBeVisible();
    await docker('h2', 'service', 'scale', '--detach', 'hello=2');
    await expect(page.getByText('2/2').first()).toBeVisible({ timeout: 30_000 });
  } finally {
    await lab.start('h1');
  }
});
