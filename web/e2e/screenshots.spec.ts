import type { Page } from '@playwright/test';
import { expect, PanelView, test, type World } from './fixtures';

const images = '../docs/images';
// Small enough for a repository, and sharp enough for a README.
test.use({ viewport: { width: 1040, height: 680 } });

/** Both tenants of the demo side by side, with what its replay of real webhooks has brought so far. */
async function openBoth(page: Page, world: World): Promise<readonly [PanelView, PanelView]> {
  await page.goto(world.demo);
  const views = [new PanelView(page, 'Left'), new PanelView(page, 'Right')] as const;
  for (const [index, view] of views.entries()) {
    await view.root.getByRole('group').nth(index).getByRole('button').first().click();
    await view.isLive();
    await expect.poll(() => view.items.count(), { timeout: 30_000 }).toBeGreaterThan(8);
  }
  await page.mouse.move(0, 0);
  return views;
}

test('screenshots', async ({ page, world }) => {
  test.setTimeout(120_000);
  const replay = await world.startDemo('--pace=400ms');
  await page.emulateMedia({ colorScheme: 'light' });
  const [left] = await openBoth(page, world);
  await replay.stop();
  await expect(left.toasts).toHaveCount(0);
  await page.screenshot({ path: `${images}/feed.png`, animations: 'disabled' });

  await page.emulateMedia({ colorScheme: 'dark' });
  // What the replay found urgent has had its time.
  await expect(left.toasts).toHaveCount(0);
  for (const [title, body, category, type] of [
    ['Version 2.4.0 is out', 'All checks have passed.', 'release', 'success'],
    ['The disk of db-2 is nearly full', '91 % of 500 GB', 'capacity', 'warning'],
    ['Review the budget', 'Before Friday', 'task_assigned', 'info'],
    ['Write the release notes', '', 'task_assigned', 'info'],
    ['Call the customer back', '', 'task_assigned', 'info'],
  ] as const) {
    await world.insertNotification('acme', 'ada', title, { body, category, type });
  }
  await left.bell.click();
  await left.panel.getByRole('button', { name: /Version 2.4.0/ }).click();
  await world.insertNotification('acme', 'ada', 'Payments are failing', {
    body: 'Error rate at 12 % since 09:41.',
    category: 'incident',
    type: 'urgent',
  });
  await expect(left.toasts).toBeVisible();
  await expect(left.panel.getByText('3 tasks assigned to you')).toBeVisible();
  await expect(left.panel.getByRole('button', { name: /^Unread.*Payments/ })).toBeVisible();
  await page.screenshot({ path: `${images}/notifications.png`, animations: 'disabled' });
});
