import { expect, PanelView, test } from './fixtures';

test('notifications reach their user; what is read here is read everywhere', async ({
  page,
  browser,
  world,
}) => {
  const token = await world.session('notified', 'nia');
  const other = await browser.newContext();
  const device = await other.newPage();
  const views: PanelView[] = [];
  for (const there of [page, device]) {
    await there.goto(world.second);
    const view = new PanelView(there, 'Left');
    await view.useToken(token);
    await view.isLive();
    views.push(view);
  }
  await world.insertNotification('notified', 'someone else', 'not for Nia');
  await world.insertNotification('notified', 'nia', 'Review the plan');
  await world.insertNotification('notified', 'nia', 'Sign the contract', { category: 'contract' });
  for (const view of views) {
    await expect(view.bell).toHaveAccessibleName('Notifications, 2 unread');
    await expect(view.bell).toHaveAttribute('data-unseen', 'true');
    await view.bell.click();
    await expect(view.bell).toHaveAttribute('data-unseen', 'false');
    await expect(view.panel.getByRole('listitem')).toHaveCount(2);
  }
  const [here, there] = views;

  await here?.panel.getByRole('button', { name: /Review the plan/ }).click();
  for (const view of views) {
    await expect(view.bell).toHaveAccessibleName('Notifications, 1 unread');
    await expect(view.panel.getByRole('button', { name: /^Unread/ })).toHaveCount(1);
  }
  await there?.panel.getByRole('button', { name: 'Mark all read' }).click();
  for (const view of views) {
    await expect(view.bell).toHaveAccessibleName('Notifications');
    await expect(view.panel.getByRole('button', { name: /^Unread/ })).toHaveCount(0);
  }
  await other.close();
});

test('marking as read goes back with a message when the call fails', async ({ page, world }) => {
  await page.goto(world.second);
  const view = new PanelView(page, 'Left');
  await view.useToken(await world.session('refused', 'ria'));
  await view.isLive();
  await world.insertNotification('refused', 'ria', 'Keep me');
  await view.fail('writes');
  await view.bell.click();
  const item = view.panel.getByRole('button', { name: /Keep me/ });
  await item.click();
  await expect(item).toHaveAttribute('data-read', 'true');
  await expect(view.panel.getByRole('alert')).toContainText(
    '“Keep me” could not be marked as read',
  );
  await expect(item).toHaveAttribute('data-read', 'false');
  await expect(view.bell).toHaveAccessibleName('Notifications, 1 unread');
});

test('what is alike is grouped, opened and closed with the keyboard, and Escape returns to the bell', async ({
  page,
  world,
}) => {
  await page.goto(world.second);
  const view = new PanelView(page, 'Left');
  await view.useToken(await world.session('grouped', 'gus'));
  await view.isLive();
  for (const title of ['Plan', 'Build', 'Ship']) {
    await world.insertNotification('grouped', 'gus', title, { category: 'task_assigned' });
  }
  await expect(view.bell).toHaveAccessibleName('Notifications, 3 unread');
  await view.bell.focus();
  await page.keyboard.press('Enter');
  await expect(view.panel).toBeFocused();
  // Mark all read, then the group.
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  const group = view.panel.getByRole('button', { name: /3 tasks assigned to you/ });
  await expect(group).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await expect(view.panel.getByRole('button', { name: /^Unread: Ship/ })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(view.bell).toHaveAccessibleName('Notifications, 2 unread');
  await view.panel.getByRole('button', { name: 'Mark these read' }).click();
  await expect(view.bell).toHaveAccessibleName('Notifications');
  await page.keyboard.press('Escape');
  await expect(view.panel).toBeHidden();
  await expect(view.bell).toBeFocused();
});

test('an urgent one is a toast for five seconds, longer while it is hovered', async ({
  page,
  world,
}) => {
  await page.goto(world.second);
  const view = new PanelView(page, 'Left');
  await view.useToken(await world.session('alarmed', 'al'));
  await view.isLive();
  await world.insertNotification('alarmed', 'al', 'Fire in the server room', { type: 'urgent' });
  await expect(view.toasts).toContainText('Fire in the server room');
  await expect(view.root.getByRole('alert').filter({ hasText: /^Urgent: Fire/ })).toBeAttached();
  await view.toasts.hover();
  // Longer than it would stay by itself, measured by the page's own clock.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 5_500)));
  await expect(view.toasts).toBeVisible();
  await page.mouse.move(0, 0);
  await expect(view.toasts).toHaveCount(0);

  // The same is in the panel, unread.
  await expect(view.bell).toHaveAccessibleName('Notifications, 1 unread');
  await world.insertNotification('alarmed', 'al', 'Another one', { type: 'urgent' });
  await expect(view.toasts).toBeVisible();
  await page.keyboard.press('F8');
  await expect(view.toasts.getByRole('button').first()).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(view.toasts).toHaveCount(0);
  await expect(view.bell).toHaveAccessibleName('Notifications, 1 unread');
});

test('sound is off until it is turned on, and stays on', async ({ page, world }) => {
  await page.addInitScript(() => {
    Object.assign(window, { tones: 0 });
    const create = AudioContext.prototype.createOscillator;
    AudioContext.prototype.createOscillator = function count() {
      Object.assign(window, { tones: (window as unknown as { tones: number }).tones + 1 });
      return create.call(this);
    };
  });
  const tones = () => page.evaluate(() => (window as unknown as { tones: number }).tones);
  await page.goto(world.second);
  const view = new PanelView(page, 'Left');
  await view.useToken(await world.session('loud', 'lu'));
  await view.isLive();
  await world.insertNotification('loud', 'lu', 'silent');
  await expect(view.bell).toHaveAccessibleName('Notifications, 1 unread');
  expect(await tones()).toBe(0);
  await view.bell.click();
  await view.panel.getByRole('switch', { name: 'Sound' }).click();
  await expect.poll(tones).toBe(1);

  await page.reload();
  await view.isLive();
  await world.insertNotification('loud', 'lu', 'loud');
  await expect.poll(tones).toBe(1);
  await view.bell.click();
  await expect(view.panel.getByRole('switch', { name: 'Sound' })).toBeChecked();
});

test('a sound that the browser does not allow is explained', async ({ page, world }) => {
  // What it says of a page that nobody has clicked in yet. Playwright's own calls count as clicks.
  await page.addInitScript(() => {
    Object.defineProperty(navigator.userActivation, 'hasBeenActive', { get: () => false });
  });
  await page.goto(world.second);
  const view = new PanelView(page, 'Left');
  await view.useToken(await world.session('silent', 'sina'));
  await view.bell.click();
  await view.panel.getByRole('switch', { name: 'Sound' }).click();
  await expect(view.panel.getByText('only after a click in the page')).toBeVisible();
});
