import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { expect, openLive, signIn, test } from './fixture.ts';
import type { FakeManager } from '../fake-manager/server.ts';

test.beforeEach(async ({ context, manager }) => {
  await signIn(context, manager);
});

function runningTask(manager: FakeManager, service: string) {
  const task = manager.world
    .rows('tasks')
    .find((each) => each.serviceName === service && each.status.state === 'running');
  if (task === undefined) {
    throw new Error(`no task of ${service} runs`);
  }
  return task;
}

const screenOf = (page: Page) => page.locator('[data-terminal] .xterm-rows');

test('a shell in a task: from its row by a key, typed into, resized, ended, started again', async ({
  page,
  faults,
}) => {
  await openLive(page, '/service?name=shop_web&tab=tasks');
  await page.locator('tr[data-row]').first().focus();
  await page.keyboard.press('x');
  await expect(page).toHaveURL(/tab=shell/);
  await expect(page.getByRole('status').filter({ hasText: 'Connected on' })).toBeVisible();
  await page.keyboard.type('nosuch\n');
  await expect(screenOf(page)).toContainText('sh: nosuch: not found');
  await page.keyboard.type('size\n');
  await expect(screenOf(page)).toContainText(/\d{2,3}x\d{2}/);
  const before = /(\d+)x\d+/.exec((await screenOf(page).textContent()) ?? '')?.[1];
  await page.setViewportSize({ width: 900, height: 700 });
  await expect(async () => {
    await page.keyboard.type('size\n');
    const sizes = [...((await screenOf(page).textContent()) ?? '').matchAll(/(\d+)x\d+/g)];
    expect(Number(sizes.at(-1)?.[1])).toBeLessThan(Number(before));
  }).toPass();
  await page.keyboard.type('flood\n');
  await expect(screenOf(page)).toContainText('done');
  await page.keyboard.type('exit 3\n');
  await expect(page.getByText('Ended with code 3')).toBeVisible();
  await page.getByRole('button', { name: 'Start again' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Connected on' })).toBeVisible();
  await page.keyboard.press('Control+Shift+Escape');
  await expect(page.getByRole('button', { name: 'Restart' })).toBeFocused();
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html ?? ''}`)).toEqual([]);
  expect(faults).toEqual([]);
});

test('several pasted lines are asked about first; a program the image lacks says so', async ({
  page,
  manager,
}) => {
  const task = runningTask(manager, 'shop_web');
  await openLive(page, `/task?id=${task.id}&tab=shell`);
  await expect(page.getByRole('status').filter({ hasText: 'Connected on' })).toBeVisible();
  await page.locator('[data-terminal] textarea').evaluate((element) => {
    const data = new DataTransfer();
    data.setData('text/plain', 'one\ntwo\n');
    element.dispatchEvent(
      new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
    );
  });
  const dialog = page.getByRole('dialog', { name: 'Paste 2 lines?' });
  await expect(dialog).toBeVisible();
  await expect(screenOf(page)).not.toContainText('one');
  await dialog.getByRole('button', { name: 'Paste' }).click();
  await expect(screenOf(page)).toContainText('sh: two: not found');
  await page.getByLabel('Command to run instead of a shell').fill('missing');
  await page.getByRole('button', { name: 'Restart' }).click();
  await expect(page.getByText('the image has no such program')).toBeVisible();
});

test('a task that ended has no shell, and says so', async ({ page, manager }) => {
  const task = runningTask(manager, 'shop_cache');
  manager.world.patch('tasks', task.id, { status: { ...task.status, state: 'failed' } });
  manager.world.commit();
  await openLive(page, `/task?id=${task.id}&tab=shell`);
  await expect(page.getByRole('heading', { name: 'A shell needs a running task' })).toBeVisible();
});

test('a service goes back to any version, after its plan', async ({ page, manager }) => {
  const service = manager.world.byName('shop_worker');
  if (service === undefined) {
    throw new Error('no shop_worker');
  }
  const withImage = (image: string) => ({
    ...service.spec,
    task: { ...service.spec.task, container: { ...service.spec.task.container, image } },
  });
  manager.world.updateService(service.id, withImage('registry.example.net/shop/worker:3.0'));
  manager.world.updateService(service.id, withImage('registry.example.net/shop/worker:3.1'));
  manager.world.commit();
  await openLive(page, '/service?name=shop_worker&tab=versions');
  await expect(page.getByRole('listitem').filter({ hasText: 'v3' })).toContainText('worker:3.0');
  await page.getByRole('button', { name: 'Roll back to v1' }).click();
  const dialog = page.getByRole('dialog', { name: 'Roll back shop_worker to v1' });
  await expect(dialog.getByText('worker:2.4.1').first()).toBeVisible();
  await dialog.getByRole('button', { name: 'Roll back to v1' }).click();
  await expect(dialog).toBeHidden();
  expect(manager.world.byName('shop_worker')?.spec).toEqual(service.spec);
  await expect(page.getByRole('listitem').filter({ hasText: 'v4' })).toContainText('In use');
  manager.condition.db = 'down';
  manager.tellHealth();
  await page.reload();
  await expect(page.getByText('The versions cannot be read')).toBeVisible();
});

test('a drain says first what moves and what is down meanwhile', async ({ page, manager }) => {
  const task = runningTask(manager, 'shop_cache');
  const node = manager.world.rows('nodes').find(({ id }) => id === task.nodeId);
  await openLive(page, `/node?name=${node?.description?.hostname ?? ''}`);
  await page.getByRole('button', { name: 'Drain' }).click();
  const line = page.getByRole('dialog').getByRole('listitem').filter({ hasText: 'shop_cache' });
  await expect(line).toContainText('1 task moves; down meanwhile');
});
