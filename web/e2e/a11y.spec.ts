import { AxeBuilder } from '@axe-core/playwright';
import type { Page, Route } from '@playwright/test';
import { expect, PanelView, test } from './fixtures';

const shots = 'test-results/shots';
// Each state is looked at eight times, which takes long where the machine is busy.
test.describe.configure({ timeout: 180_000 });

const viewports = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

/** Looks at the page as it is: in each size and scheme a picture, nothing wider than the page, nothing axe objects to. */
async function look(page: Page, state: string): Promise<void> {
  for (const [name, viewport] of Object.entries(viewports)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.screenshot({ path: `${shots}/${state}-${name}-${colorScheme}.png` });
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, `${state} on a ${name}`).toBe(0);
      await check(page, `${state} on a ${name}, ${colorScheme}`);
    }
  }
  await page.setViewportSize(viewports.desktop);
}

async function check(page: Page, state: string, without: string[] = []): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).disableRules(without).analyze();
  expect(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
    state,
  ).toEqual([]);
}

test('login', async ({ page, world }) => {
  await page.goto(world.demo);
  await expect(new PanelView(page, 'Right').root.getByRole('group').first()).toBeVisible();
  await look(page, 'login');
});

test('loading, empty, failed', async ({ page, world }) => {
  const held: Route[] = [];
  await page.route('**/api/activity?*', (route) => void held.push(route));
  await page.goto(world.second);
  const left = new PanelView(page, 'Left');
  const right = new PanelView(page, 'Right');
  await left.useToken(await world.session('empty', 'eve'));
  await right.useToken(await world.session('empty', 'eli'));
  await expect(left.root.locator('.pgfeed-skeleton')).toBeVisible();
  await look(page, 'loading');
  for (const route of held) await route.continue();
  await page.unroute('**/api/activity?*');
  await expect(left.root.getByText('No activity yet')).toBeVisible();
  await left.bell.click();
  await expect(left.panel.getByText('You’re all caught up')).toBeVisible();
  await look(page, 'empty');

  await page.route('**/api/{activity,notifications}?*', (route) =>
    route.fulfill({ status: 503, json: { title: 'x', detail: 'The database is away.' } }),
  );
  await page.reload();
  await expect(left.root.getByText('The activities could not be loaded.')).toBeVisible();
  await left.bell.click();
  await expect(left.panel.getByText('The notifications could not be loaded.')).toBeVisible();
  await look(page, 'failed');
});

test('a feed with everything in it', async ({ page, world }) => {
  await world.insertHistory('full', 70);
  await page.goto(world.second);
  const left = new PanelView(page, 'Left');
  const right = new PanelView(page, 'Right');
  await left.useToken(await world.session('full', 'lea'));
  await right.useToken(await world.session('full', 'rob'));
  await left.isLive();
  await right.isLive();
  await world.insertActivity('full', 'octocat opened pull request #2 Update the README');
  await world.insertActivity('full', `a name without a space: ${'long'.repeat(40)}`);
  await expect(left.items.first()).toContainText('longlong');
  await look(page, 'live');

  await left.scroller.evaluate((element) => element.scrollTo(0, 700));
  await expect(left.items.first()).not.toBeInViewport();
  for (const n of [1, 2, 3]) await world.insertActivity('full', `more ${n}`);
  await expect(left.root.getByRole('button', { name: '3 new activities' })).toBeVisible();
  await left.status.focus();
  await expect(page.getByRole('tooltip')).toBeAttached();
  await look(page, 'waiting');

  for (const title of ['Plan it', 'Build it', 'Ship it']) {
    await world.insertNotification('full', 'lea', title, { category: 'task_assigned' });
  }
  await world.insertNotification('full', 'lea', 'Version 2 is out', {
    type: 'success',
    category: 'release',
  });
  await world.insertNotification('full', 'lea', 'The disk is nearly full', {
    type: 'warning',
    category: 'capacity',
  });
  await expect(left.bell).toHaveAccessibleName('Notifications, 5 unread');
  await left.bell.click();
  await left.panel.getByRole('button', { name: /3 tasks assigned/ }).click();
  await left.panel.getByRole('button', { name: /nearly full/ }).click();
  await expect(left.bell).toHaveAccessibleName('Notifications, 4 unread');
  await look(page, 'panel');

  await page.emulateMedia({ forcedColors: 'active' });
  await page.screenshot({ path: `${shots}/panel-forced-colors.png` });
  // The colours are the reader's own there.
  await check(page, 'forced colours', ['color-contrast']);
  await page.emulateMedia({ forcedColors: null });

  await page.getByRole('combobox', { name: 'Direction' }).selectOption('rtl');
  await page.getByRole('combobox', { name: 'Language' }).selectOption('de');
  await expect(left.root.getByText('3 Aufgaben für dich')).toBeVisible();
  await look(page, 'right-to-left');
});

test('urgent toasts', async ({ page, world }) => {
  await page.goto(world.second);
  const left = new PanelView(page, 'Left');
  await left.useToken(await world.session('toasted', 'tea'));
  await left.isLive();
  for (const n of [1, 2, 3, 4]) {
    await world.insertNotification('toasted', 'tea', `Number ${n} is down`, { type: 'urgent' });
  }
  await expect(left.toasts.first()).toBeVisible();
  await left.toasts.first().hover();
  await look(page, 'toasts');
});

test('polling, offline, signed out', async ({ page, world }) => {
  await page.goto(world.second);
  const left = new PanelView(page, 'Left');
  const right = new PanelView(page, 'Right');
  await left.useToken(await world.session('broken', 'bea'));
  await right.useToken(await world.session('broken', 'ben'));
  await left.isLive();
  await right.isLive();
  await left.fail('stream');
  await right.fail('everything');
  await expect(left.status).toHaveText('Polling', { timeout: 30_000 });
  await expect(right.status).toHaveText('Offline', { timeout: 30_000 });
  await expect(left.root.getByText('Real-time updates unavailable, using polling')).toBeVisible();
  await left.status.hover();
  await expect(page.getByRole('tooltip')).toContainText('Next check in');
  await look(page, 'polling-and-offline');

  await left.fail('none');
  await left.root.getByRole('button', { name: 'Log out' }).click();
  await left.useToken('not-a-token');
  await expect(left.status).toHaveText('Signed out');
  await expect(left.root.getByText('Your session has ended.')).toBeVisible();
  await expect(left.root.getByText('The activities could not be loaded.')).toBeHidden();
  await look(page, 'signed-out');
});

test('who asks for less motion gets none', async ({ page, world }) => {
  await world.insertHistory('still', 1);
  await page.goto(world.second);
  const left = new PanelView(page, 'Left');
  await left.useToken(await world.session('still', 'stu'));
  const animation = () =>
    left.items.first().evaluate((element) => getComputedStyle(element).animationName);
  expect(await animation()).toBe('pgfeed-arrive');
  await page.emulateMedia({ reducedMotion: 'reduce' });
  expect(await animation()).toBe('none');
});
