import { expect, PanelView, test } from './fixtures';

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
  // Past the three settings of the display.
  for (let n = 0; n < 4; n++) await page.keyboard.press('Tab');
  await expect(firstUser).toBeFocused();
  await page.keyboard.press('Enter');
  await left.isLive();

  const input = left.root.getByRole('textbox', { name: 'Insert an activity' });
  const text = `typed ${Date.now()}`;
  // Indicator, badge, bell, log out, and then the field.
  for (let n = 0; n < 5; n++) await page.keyboard.press('Tab');
  await expect(input).toBeFocused();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
  await expect(left.items.first()).toContainText(text);
  await expect(input).toHaveValue('');

  await page.reload();
  await left.isLive();
  await expect(left.items.first()).toContainText(text);
});

test('a token that is not valid is refused in words', async ({ page, world }) => {
  await page.goto(world.second);
  const panel = new PanelView(page, 'Left');
  await panel.useToken('not-a-token');
  await expect(panel.status).toHaveText('Signed out');
  await expect(panel.root.getByText('Your session has ended')).toBeVisible();
  await panel.root.getByRole('button', { name: 'Log out' }).click();
  await expect(panel.root.getByRole('textbox', { name: 'Session token' })).toBeVisible();
});

test('nothing moves under a reader, and a button takes them to what is new', async ({
  page,
  world,
}) => {
  await world.insertHistory('scrolled', 60);
  await page.goto(world.second);
  const panel = new PanelView(page, 'Left');
  await panel.useToken(await world.session('scrolled', 'sid'));
  await panel.isLive();
  await expect(panel.items).toHaveCount(50);

  const reading = panel.items.filter({ hasText: 'history 45' });
  await panel.scroller.evaluate((element) => element.scrollTo(0, 900));
  await expect(panel.items.first()).not.toBeInViewport();
  let place = await reading.boundingBox();
  await expect // items move as they arrive: what is measured before that has ended is off by a fraction of a pixel
    .poll(async () => {
      const before = place;
      place = await reading.boundingBox();
      return place?.y === before?.y && place?.height === before?.height;
    })
    .toBe(true);
  for (const text of ['new 1', 'new 2', 'new 3']) await world.insertActivity('scrolled', text);
  const button = panel.root.getByRole('button', { name: '3 new activities' });
  await expect(button).toBeVisible();
  await expect(panel.badge).toHaveAccessibleName('Activity, 3 new');
  await expect(panel.items).toHaveCount(50);
  expect(await reading.boundingBox()).toEqual(place);

  await button.click();
  await expect(panel.items.first()).toContainText('new 3');
  await expect(panel.items.first()).toBeFocused();
  await expect(panel.items.first()).toBeInViewport();
  await expect(button).toBeHidden();
  await expect(panel.badge).toHaveAccessibleName('Activity, nothing new');

  // The badge leads to the feed too.
  await panel.scroller.evaluate((element) => element.scrollTo(0, 900));
  await panel.badge.click();
  await expect(panel.items.first()).toBeFocused();
  await expect(panel.items.first()).toBeInViewport();
});

test('older activities load on scrolling, to the end', async ({ page, world }) => {
  await world.insertHistory('long', 120);
  await page.goto(world.second);
  const panel = new PanelView(page, 'Left');
  await panel.useToken(await world.session('long', 'lou'));
  await expect(panel.items).toHaveCount(50);
  await expect(panel.items.first()).toHaveAttribute('aria-setsize', '-1');
  await expect(async () => {
    await panel.items.last().scrollIntoViewIfNeeded();
    await expect(panel.items).toHaveCount(120, { timeout: 500 });
  }).toPass();
  await expect(panel.items.last()).toContainText('history 1');
  await expect(panel.items.last()).toContainText('2 hours ago');
  await expect(panel.items.first()).toHaveAttribute('aria-setsize', '120');
  await expect(panel.root.getByText('That is everything.')).toBeVisible();
  // The list scrolls in its panel; the page is no longer than what it shows.
  const beyond = await page.evaluate(() => {
    const shown = document.body.getBoundingClientRect().bottom + scrollY;
    return document.documentElement.scrollHeight - Math.max(shown, innerHeight);
  });
  expect(beyond).toBeLessThan(50);
});

test('a feed in a page that scrolls as a whole, in a box that cuts its width off, waits for its reader', async ({
  page,
  world,
}) => {
  await world.insertHistory('boxed', 120);
  await page.addInitScript(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`
      .panel { overflow-x: hidden; }
      .panel .panel-feed { max-height: none; overflow: visible; }`);
    document.adoptedStyleSheets = [sheet];
  });
  await page.goto(world.second);
  const panel = new PanelView(page, 'Left');
  await panel.useToken(await world.session('boxed', 'bea'));
  await panel.isLive();
  await expect(panel.items).toHaveCount(50);

  await panel.items.nth(20).scrollIntoViewIfNeeded();
  await expect(panel.items.first()).not.toBeInViewport();
  await world.insertActivity('boxed', 'new');
  await expect(panel.root.getByRole('button', { name: '1 new activity' })).toBeVisible();
  await expect(panel.badge).toHaveAccessibleName('Activity, 1 new');
  await expect(panel.items).toHaveCount(50);

  await expect(async () => {
    await panel.items.last().scrollIntoViewIfNeeded();
    await expect(panel.items).toHaveCount(120, { timeout: 500 });
  }).toPass();
});

test('the feed is read with the keys of the ARIA pattern', async ({ page, world }) => {
  await world.insertHistory('keys', 60);
  await page.goto(world.second);
  const panel = new PanelView(page, 'Left');
  await panel.useToken(await world.session('keys', 'kay'));
  await panel.isLive();
  await panel.bell.focus();
  // Log out, then the feed's first article.
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  // A scroller without anything to focus in it would be a stop of its own; this one has its articles.
  await expect(panel.items.first()).toBeFocused();
  for (let n = 0; n < 52; n++) await page.keyboard.press('PageDown');
  await expect(panel.items).toHaveCount(60);
  await expect(panel.feed.locator('article:focus')).toBeInViewport();
  await page.keyboard.press('PageUp');
  await page.keyboard.press('Control+Home');
  await expect(panel.root.getByRole('button', { name: 'Log out' })).toBeFocused();
  await panel.items.first().focus();
  await page.keyboard.press('Control+End');
  await expect(panel.root.locator('summary', { hasText: 'Developer panel' })).toBeFocused();

  // Nothing comes between articles that are being read with the keyboard.
  await panel.bell.focus();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await world.insertActivity('keys', 'meanwhile');
  await expect(panel.root.getByRole('button', { name: '1 new activity' })).toBeVisible();
  await expect(panel.items.first()).toBeFocused();
});
