import AxeBuilder from '@axe-core/playwright';

import { expect, openLive, signIn, test } from './fixture.ts';

test.use({ scenario: 'trouble' });

const ROUTES = [
  '/',
  '/services',
  '/service?name=shop_web',
  '/service?name=shop_search',
  '/service?name=shop_web&tab=tasks',
  '/service?name=shop_web&tab=logs',
  '/service?name=shop_web&tab=versions',
  '/service?name=shop_web&tab=config',
  '/service?name=shop_web&tab=yaml',
  '/service?name=shop_web&tab=events',
  '/service?name=nowhere',
  '/deploy',
  '/stacks',
  '/stack?name=shop',
  '/stack?name=shop&tab=source',
  '/stacks/new',
  '/nodes',
  '/node?name=worker-4',
  '/node?name=manager-1&tab=tasks',
  '/nodes/add',
  '/networks',
  '/secrets',
  '/configs',
  '/events',
  '/audit',
  '/access/tokens',
  '/me',
  '/nothing-here',
];

const SHAPES = [
  { theme: 'dark', locale: 'en-GB', width: 1440 },
  { theme: 'light', locale: 'fr-FR', width: 1440 },
  { theme: 'light', locale: 'en-GB', width: 390 },
  { theme: 'dark', locale: 'fr-FR', width: 390 },
] as const;

for (const { theme, locale, width } of SHAPES) {
  test(`axe finds nothing: ${theme}, ${locale}, ${String(width)} px`, async ({ browser, manager }) => {
    test.setTimeout(600_000);
    const context = await browser.newContext({
      baseURL: manager.url,
      colorScheme: theme,
      locale,
      viewport: { width, height: 860 },
      reducedMotion: 'reduce',
    });
    await signIn(context, manager);
    const page = await context.newPage();
    const found: string[] = [];
    for (const route of ROUTES) {
      if (route === '/nothing-here') {
        await page.goto(route);
        await page.locator('h1').waitFor();
      } else {
        await openLive(page, route);
      }
      await page.waitForTimeout(250);
      const { violations } = await new AxeBuilder({ page })
        .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
        // No frames here: without the second page that axe opens for them, a pass takes half as long.
        .setLegacyMode(true)
        .analyze();
      for (const violation of violations) {
        const where = violation.nodes
          .slice(0, 3)
          .map((node) => `${node.target.join(' ')} ${node.html.slice(0, 160)}`);
        found.push(`${route}: ${violation.id}: ${violation.help}\n    ${where.join('\n    ')}`);
      }
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (overflow > 0) {
        found.push(`${route}: the page is ${String(overflow)} px wider than its window`);
      }
    }
    await context.close();
    expect(found.join('\n')).toBe('');
  });
}

test('axe finds nothing in the open dialogs, menus and entry pages', async ({
  context,
  page,
  manager,
  faults,
}) => {
  test.setTimeout(120_000);
  const found: string[] = [];
  const check = async (name: string) => {
    await page.waitForTimeout(300);
    const { violations } = await new AxeBuilder({ page }).analyze();
    violations.forEach((violation) =>
      found.push(
        `${name}: ${violation.id} ${violation.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`,
      ),
    );
  };
  await page.goto('/login');
  await page.getByLabel('User name').waitFor();
  await check('login');
  await signIn(context, manager);
  await openLive(page, '/service?name=shop_web');
  await page.getByRole('button', { name: 'Scale', exact: true }).click();
  await page.getByRole('button', { name: 'One replica more' }).click();
  await check('scale');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Deploy new image' }).click();
  await page.getByRole('textbox', { name: 'Image' }).fill('registry.example.net/shop/web:9');
  await page
    .getByText(/tasks restart/)
    .first()
    .waitFor();
  await check('new image');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Actions on shop_web' }).click();
  await check('menu');
  await page.keyboard.press('Escape');
  await openLive(page, '/secrets');
  await page.getByRole('button', { name: 'Create a secret' }).click();
  await check('create secret');
  expect(found.join('\n')).toBe('');
  expect(faults).toEqual([]);
});
