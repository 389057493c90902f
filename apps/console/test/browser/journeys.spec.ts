import { join } from 'node:path';

import { PASSWORD } from '../fake-manager/handlers.ts';
import { startFakeManager } from '../fake-manager/server.ts';
import { expect, openLive, signIn, test } from './fixture.ts';

test.beforeEach(async ({ context, manager }, { title }) => {
  if (!title.includes('@signed-out')) {
    await signIn(context, manager);
  }
});

test('sign-in leads back to the page that was asked for @signed-out', async ({ page, faults }) => {
  await page.goto('/service?name=shop_web&tab=tasks');
  await expect(page).toHaveURL(/\/login\?next=/);
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByText('Name or password is wrong.')).toBeVisible();
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'shop_web' })).toBeVisible();
  expect(faults).toEqual([]);
});

test('the set-up link makes the administrator, once @signed-out', async ({ page }) => {
  const fresh = await startFakeManager({
    scenario: 'empty',
    root: join(import.meta.dirname, '../../out'),
    isSetUp: false,
  });
  await page.goto(`${fresh.url}/setup#token=SKEPSET-1`);
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
  expect(new URL(page.url()).hash).toBe('');
  await page.getByRole('button', { name: 'Create and sign in' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('No service yet');
  await page.goto(`${fresh.url}/setup#token=SKEPSET-1`);
  await expect(page.getByText('This cluster already has an administrator.')).toBeVisible();
  await fresh.stop();
});

test('a service is deployed from an image alone, and comes up where the plan was', async ({
  page,
  manager,
}) => {
  await openLive(page, '/');
  let clicks = 0;
  await page.getByRole('link', { name: 'Deploy a service' }).click();
  clicks += 1;
  await page.getByLabel('Image', { exact: true }).fill('nginx:alpine');
  await expect(page.getByText('1 task starts')).toBeVisible();
  await page.getByRole('button', { name: 'Create and start 1 task' }).click();
  clicks += 1;
  await expect(page.getByText('1 of 1 tasks healthy').first()).toBeVisible();
  expect(clicks).toBeLessThanOrEqual(3);
  expect(manager.world.byName('nginx')?.spec).toEqual({
    name: 'nginx',
    task: { container: { image: 'nginx:alpine' } },
    mode: { type: 'replicated', replicas: 1 },
  });
});

test('a port that is taken is said next to the ports', async ({ page }) => {
  await openLive(page, '/deploy');
  await page.getByLabel('Image', { exact: true }).fill('nginx:alpine');
  await page.getByRole('button', { name: 'Publish a port' }).click();
  await page.getByLabel('Published port 1').fill('443');
  await page.getByLabel('Port 1 in the container').fill('80');
  await expect(page.getByText('port 443 is published by service shop_web already').first()).toBeVisible();
  await expect(page.getByLabel('Published port 1')).toHaveAttribute('aria-invalid', 'true');
});

test('scaling changes the replicas and nothing else', async ({ page, manager }) => {
  const before = manager.world.byName('shop_worker')?.spec;
  await openLive(page, '/services');
  await page.locator('tr[data-row]', { hasText: 'shop_worker' }).focus();
  await page.keyboard.press('+');
  await page.getByRole('button', { name: 'One replica more' }).click();
  await expect(page.getByText('1 task starts')).toBeVisible();
  await page.getByRole('button', { name: 'Scale to 5' }).click();
  await expect(page.locator('tr[data-row]', { hasText: 'shop_worker' })).toContainText('5/5');
  expect(manager.world.byName('shop_worker')?.spec).toEqual({
    ...before,
    mode: { type: 'replicated', replicas: 5 },
  });
});

test('a new image is planned, rolled out before the eyes, and rolled back', async ({ page, manager }) => {
  await openLive(page, '/service?name=shop_api');
  await page.getByRole('button', { name: 'Deploy new image' }).click();
  await page.getByRole('textbox', { name: 'Image' }).fill('registry.example.net/shop/api:2.5.0');
  await expect(page.getByRole('dialog').getByText('task.container.image')).toBeVisible();
  await page.getByRole('button', { name: 'Deploy this image' }).click();
  await expect(page.getByRole('heading', { name: 'Rollout' })).toBeVisible();
  await page.getByRole('button', { name: 'Roll back' }).first().click();
  await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
  await expect.poll(() => manager.world.byName('shop_api')?.spec.task.container.image).toContain(':2.4.1');
});

test('what is typed stays while fifty changes a second arrive', async ({ page, manager }) => {
  await openLive(page, '/deploy');
  const flood = setInterval(() => {
    for (const task of manager.world.rows('tasks').slice(0, 5)) {
      manager.world.patch('tasks', task.id, { updatedAtMs: Date.now() });
    }
    manager.world.commit();
  }, 20);
  const image = page.getByLabel('Image', { exact: true });
  await image.pressSequentially('registry.example.net/team/app:1.2.3', { delay: 15 });
  await image.press('Home');
  await image.pressSequentially('x', { delay: 50 });
  clearInterval(flood);
  await expect(image).toHaveValue('xregistry.example.net/team/app:1.2.3');
});

test('a draft survives a reload, and can be discarded', async ({ page }) => {
  await openLive(page, '/stacks/new');
  await page.getByLabel('Name of the stack').fill('blog');
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('# mine');
  await page.waitForTimeout(700);
  await page.reload();
  await expect(page.getByText(/Draft of .* restored/)).toBeVisible();
  await expect(page.getByLabel('Name of the stack')).toHaveValue('blog');
  await expect(page.locator('.cm-content')).toContainText('# mine');
  await page.getByRole('button', { name: 'Discard the draft' }).click();
  await expect(page.locator('.cm-content')).not.toContainText('# mine');
});

test('a stack with an error says so at its line and column, and is deployed once mended', async ({
  page,
  manager,
}) => {
  await openLive(page, '/stacks/new');
  await page.getByLabel('Name of the stack').fill('blog');
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText('services:\n  web:\n    image: nginx:alpine\n    replica: 2\n');
  await expect(page.getByRole('button', { name: '4:5' })).toBeVisible();
  await expect(page.locator('.cm-lint-marker-error')).toHaveCount(1);
  await page.getByRole('button', { name: 'Deploy the stack' }).click();
  expect(manager.world.byName('blog_web')).toBeUndefined();
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText('services:\n  web:\n    image: nginx:alpine\n');
  await expect(page.getByText('1 task starts')).toBeVisible();
  await page.getByRole('button', { name: 'Deploy the stack' }).click();
  await expect(page).toHaveURL(/\/stack\?name=blog/);
  await expect(page.getByText('Healthy').first()).toBeVisible();
});

test('when the manager drops the socket, the page goes on where it was', async ({ page, manager }) => {
  await openLive(page, '/services');
  manager.dropSockets();
  await expect(page.getByText('shop_web')).toBeVisible();
  manager.world.createService({
    name: 'late',
    task: { container: { image: 'nginx' } },
    mode: { type: 'replicated', replicas: 1 },
  });
  manager.world.commit();
  await expect(page.getByRole('link', { name: 'late' })).toBeVisible();
});

test('without quorum nothing can be changed, and each control says why', async ({ page, manager }) => {
  await openLive(page, '/service?name=shop_web');
  manager.condition.quorum = false;
  manager.tellHealth();
  await expect(page.getByRole('alert').filter({ hasText: 'lost its majority' })).toBeVisible();
  const scale = page.getByRole('button', { name: 'Scale', exact: true });
  await expect(scale).toHaveAttribute('aria-disabled', 'true');
  await scale.hover();
  await expect(page.getByRole('tooltip')).toContainText('no majority');
});

test('without the history database the audit says so and the rest works', async ({ page, manager }) => {
  manager.condition.db = 'down';
  await openLive(page, '/audit');
  await expect(page.getByText('The history database does not answer.')).toBeVisible();
  await page.getByRole('link', { name: /^Services/ }).click();
  await expect(page.getByRole('link', { name: 'shop_web' })).toBeVisible();
});

test('a session that ends asks for the password in place and loses nothing', async ({
  page,
  context,
  manager,
}) => {
  await openLive(page, '/deploy');
  await page.getByLabel('Image', { exact: true }).fill('nginx:alpine');
  await expect(page.getByText('1 task starts')).toBeVisible();
  await context.clearCookies();
  await page.getByRole('button', { name: 'Create and start 1 task' }).click();
  await page.getByRole('dialog').getByLabel('Password').fill(PASSWORD);
  await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
  await expect.poll(() => manager.world.byName('nginx')?.spec.name).toBe('nginx');
});

test('a service removed while it is open stays as it was, and says that it is gone', async ({
  page,
  manager,
}) => {
  await openLive(page, '/service?name=mailer');
  const id = manager.world.byName('mailer')?.id ?? '';
  manager.world.removeService(id);
  manager.world.commit();
  await expect(page.getByText('mailer was removed. This is its last state.')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'mailer' })).toBeVisible();
});

test('logs of all tasks arrive, are labelled, filtered and followed', async ({ page, manager }) => {
  await openLive(page, '/service?name=shop_web&tab=logs');
  const log = page.getByRole('log');
  await expect(log).toContainText('web.1');
  await expect(log).toContainText('connection refused');
  await page.getByRole('searchbox').fill('refused|slow query');
  await expect(log).not.toContainText('GET /health');
  await page.getByRole('searchbox').fill('(');
  await expect(page.getByText(/Not a regular expression/)).toBeVisible();
  await page.getByRole('searchbox').fill('');
  await log.evaluate((element) => {
    element.scrollTop = 0;
  });
  manager.linesPerSecond = 200;
  await expect(page.getByRole('button', { name: /new lines/ })).toBeVisible();
  await page.getByRole('button', { name: /new lines/ }).click();
  await expect
    .poll(() => log.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight))
    .toBeLessThan(60);
});

test('the language and the theme change at once and are kept', async ({ page }) => {
  await openLive(page, '/me');
  await page.getByLabel('Language').selectOption('fr');
  await expect(page.getByRole('heading', { name: 'Réglages' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'fr');
  await page.getByLabel('Thème').selectOption('light');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Réglages' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
});

test('the keyboard reaches the lists and their verbs', async ({ page }) => {
  await openLive(page, '/');
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await expect(page).toHaveURL(/\/services/);
  await page.locator('tr[data-row]').first().focus();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await expect(page.locator('tr[data-row]').nth(2)).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/service\?name=/);
  await page.keyboard.press('3');
  await expect(page).toHaveURL(/tab=logs/);
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox')).toBeFocused();
});

test('two people edit one service: nothing is overwritten, and both changes arrive', async ({
  page,
  manager,
}) => {
  await openLive(page, '/deploy?service=mailer');
  await page.getByLabel('Environment').fill('TZ=UTC');
  const mailer = manager.world.byName('mailer');
  if (mailer === undefined) {
    throw new Error('no mailer');
  }
  const container = { ...mailer.spec.task.container, image: 'registry.example.net/tools/mailer:2' };
  manager.world.updateService(mailer.id, { ...mailer.spec, task: { ...mailer.spec.task, container } });
  manager.world.commit();
  await expect(page.getByText('Changed by others meanwhile: Image')).toBeVisible();
  await expect(page.getByLabel('Environment')).toHaveValue('TZ=UTC');
  await page.getByRole('button', { name: 'Take over' }).click();
  await expect(page.getByRole('textbox', { name: 'Image' })).toHaveValue(
    'registry.example.net/tools/mailer:2',
  );
  await expect(page.getByText('task.container.env')).toBeVisible();
  await page.getByRole('button', { name: 'Apply the changes' }).click();
  await expect(page).toHaveURL(/\/service\?name=mailer/);
  expect(manager.world.byName('mailer')?.spec.task.container).toMatchObject({
    image: 'registry.example.net/tools/mailer:2',
    env: ['TZ=UTC'],
  });
});

test('the palette goes anywhere by a few letters', async ({ page }) => {
  await openLive(page, '/');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('logs shop_w');
  await expect(page.getByRole('option').first()).toContainText('Logs of shop_web');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/name=shop_web&tab=logs/);
});

test('nothing is fetched from elsewhere', async ({ page, manager }) => {
  const origins = new Set<string>();
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  await openLive(page, '/stacks/new');
  await page.locator('.cm-content').waitFor();
  expect([...origins].filter((origin) => !origin.startsWith('data'))).toEqual([manager.url]);
});
