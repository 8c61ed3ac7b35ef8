import { expect, PanelView, test } from './fixtures';

const shots = 'test-results';

test('an insert with psql appears on top without a reload, for its tenant alone', async ({
  page,
  world,
}) => {
  await page.goto(world.demo);
  const left = new PanelView(page, 'Left');
  const right = new PanelView(page, 'Right');
  await left.useToken(await world.session('tenant a', 'ann'));
  await right.useToken(await world.session('tenant b', 'ben'));
  await left.isLive();
  await right.isLive();
  let loads = 0;
  page.on('load', () => loads++);

  await world.insertActivity('tenant a', 'first for A');
  await expect(left.items.first()).toContainText('first for A');
  await world.insertActivity('tenant a', 'second <b>for</b> A');
  await expect(left.items.first()).toContainText('second <b>for</b> A');
  await expect(left.items.first()).toContainText('Paula Sequel');
  await expect(left.items).toHaveCount(2);

  // B's own event comes after A's: once it is there, A's would be too.
  await world.insertActivity('tenant b', 'only for B');
  await expect(right.items.first()).toContainText('only for B');
  await expect(right.items).toHaveCount(1);
  await expect(left.items).toHaveCount(2);
  expect(loads).toBe(0);
});

test('two gateways on one database both show it', async ({ context, world }) => {
  const token = await world.session('shared', 'sam');
  const panels = [];
  for (const address of [world.demo, world.second]) {
    const page = await context.newPage();
    await page.goto(address);
    const panel = new PanelView(page, 'Left');
    await panel.useToken(token);
    await panel.isLive();
    panels.push(panel);
  }
  await world.insertActivity('shared', 'seen through both');
  for (const panel of panels) await expect(panel.items.first()).toContainText('seen through both');
});

test('nothing is missing or doubled between the history and the live feed', async ({
  page,
  world,
}) => {
  const token = await world.session('busy', 'bo');
  await page.goto(world.second);
  const panel = new PanelView(page, 'Left');
  const inserts = world.insertActivities('busy', 45);
  await panel.useToken(token);
  for (let reload = 0; reload < 3; reload++) {
    await panel.isLive();
    await page.reload();
  }
  await inserts;
  await expect(panel.items).toHaveCount(45);
  const texts = await panel.items.locator('.pgfeed-item-text').allTextContents();
  expect(new Set(texts).size).toBe(45);
});

test('a page catches up with what happened while its gateway was dead', async ({ page, world }) => {
  await page.goto(world.second);
  const panel = new PanelView(page, 'Left');
  await panel.useToken(await world.session('survivor', 'sue'));
  await panel.isLive();
  await world.insertActivity('survivor', 'before');
  await expect(panel.items.first()).toContainText('before');

  await world.killSecond();
  await expect(panel.status).not.toHaveText('Live');
  for (const text of ['meanwhile 1', 'meanwhile 2']) await world.insertActivity('survivor', text);
  await world.startSecond();

  await panel.isLive();
  await expect(panel.items).toHaveCount(3);
  await world.insertActivity('survivor', 'after');
  await expect(panel.items.locator('.pgfeed-item-text')).toHaveText([
    'after',
    'meanwhile 2',
    'meanwhile 1',
    'before',
  ]);
});

test('the demo can be used with the keyboard alone, and a reload stays logged in', async ({
  page,
  world,
}) => {
  await page.goto(world.demo);
  const left = new PanelView(page, 'Left');
  const firstUser = left.root.getByRole('group').first().getByRole('button').first();
  await expect(firstUser).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(firstUser).toBeFocused();
  await page.keyboard.press('Enter');
  await left.isLive();

  const input = left.root.getByRole('textbox', { name: 'Insert an activity' });
  const text = `typed ${Date.now()}`;
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await expect(input).toBeFocused();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
  await expect(left.items.first()).toContainText(text);
  await expect(input).toHaveValue('');

  await page.reload();
  await left.isLive();
  await expect(left.items.first()).toContainText(text);
});

test('notifications reach their user, and read ones are read in every panel', async ({
  page,
  world,
}) => {
  await page.goto(world.demo);
  const left = new PanelView(page, 'Left');
  const right = new PanelView(page, 'Right');
  await left.useToken(await world.session('notified', 'nia'));
  await right.useToken(await world.session('notified', 'nia'));
  await left.isLive();
  await right.isLive();
  await world.insertNotification('notified', 'someone else', 'not for Nia');
  await world.insertNotification('notified', 'nia', 'Review the plan');
  await expect(left.root.getByText('1 unread')).toBeVisible();
  await expect(right.root.getByRole('listitem')).toHaveText([/Review the plan/]);

  await left.root.getByRole('button', { name: 'Mark read: Review the plan' }).click();
  for (const panel of [left, right]) {
    await expect(panel.root.getByText('0 unread')).toBeVisible();
    await expect(panel.root.getByRole('button', { name: /^Mark read/ })).toHaveCount(0);
  }
});

test('a token that is not valid is refused in words', async ({ page, world }) => {
  await page.goto(world.second);
  const panel = new PanelView(page, 'Left');
  await panel.useToken('not-a-token');
  await expect(panel.status).toHaveText('Signed out');
  await expect(panel.root.getByText('The session has ended')).toBeVisible();
  await panel.root.getByRole('button', { name: 'Log out' }).click();
  await expect(panel.root.getByRole('textbox', { name: 'Session token' })).toBeVisible();
});

for (const [name, viewport] of [
  ['desktop', { width: 1280, height: 900 }],
  ['phone', { width: 390, height: 844 }],
] as const) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`fits a ${name}, ${colorScheme}`, async ({ page, world }) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      await page.goto(world.demo);
      const left = new PanelView(page, 'Left');
      const right = new PanelView(page, 'Right');
      await expect(right.root.getByRole('group').first()).toBeVisible();
      await page.screenshot({
        path: `${shots}/${name}-${colorScheme}-login.png`,
        fullPage: true,
      });

      const tenant = `shots ${name} ${colorScheme}`;
      await left.useToken(await world.session(tenant, 'lea'));
      await right.useToken(await world.session(tenant, 'rob'));
      await left.isLive();
      await right.isLive();
      await world.insertNotification(tenant, 'lea', 'You were assigned “Ship it”');
      await world.insertActivity(tenant, 'octocat opened pull request #2 Update the README');
      await world.insertActivity(tenant, `a name without a space: ${'long'.repeat(40)}`);
      await expect(left.root.getByText('1 unread')).toBeVisible();
      for (const panel of [left, right]) await expect(panel.items).toHaveCount(2);
      await page.screenshot({ path: `${shots}/${name}-${colorScheme}.png`, fullPage: true });
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow).toBe(0);
    });
  }
}
