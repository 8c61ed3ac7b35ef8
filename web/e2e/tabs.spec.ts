import type { BrowserContext, CDPSession, Page, Request } from '@playwright/test';
import { expect, PanelView, test, type World } from './fixtures';

// Many pages at once take long where the machine is busy.
test.describe.configure({ timeout: 120_000 });

interface Tab {
  readonly page: Page;
  readonly view: PanelView;
}

/** Tabs of one browser, all logged in as the same user. */
class TabRow {
  readonly #context: BrowserContext;
  readonly #streams = new Set<Request>();
  tabs: Tab[] = [];

  constructor(context: BrowserContext) {
    this.#context = context;
    context.on('request', (request) => {
      if (request.url().includes('/api/activity/stream')) this.#streams.add(request);
    });
    context.on('requestfinished', (request) => this.#streams.delete(request));
    context.on('requestfailed', (request) => this.#streams.delete(request));
  }

  static async open(
    context: BrowserContext,
    world: World,
    count: number,
    tenant: string,
  ): Promise<TabRow> {
    const row = new TabRow(context);
    const token = await world.session(tenant, 'tess');
    for (let n = 0; n < count; n++) {
      const page = await context.newPage();
      await page.goto(world.second);
      const view = new PanelView(page, 'Left');
      row.tabs.push({ page, view });
      await view.useToken(token);
    }
    for (const { view } of row.tabs) await view.isLive();
    return row;
  }

  /** The one that holds the connection, once there is one alone, and the others. */
  async split(): Promise<{ readonly leader: Tab; readonly followers: readonly Tab[] }> {
    await expect.poll(() => this.#holders().length, 'tabs with a stream').toBe(1);
    const [leader] = this.#holders();
    if (leader === undefined) throw new Error('the tab that had a stream has none');
    return { leader, followers: this.tabs.filter((tab) => tab !== leader) };
  }

  #holders(): readonly Tab[] {
    // A page that is closed or crashed doesn't tell how its requests ended.
    return this.tabs.filter(({ page }) =>
      [...this.#streams].some((request) => request.frame().page() === page),
    );
  }

  forget(gone: Tab): void {
    this.tabs = this.tabs.filter((tab) => tab !== gone);
  }

  devtools({ page }: Tab): Promise<CDPSession> {
    return this.#context.newCDPSession(page);
  }
}

/** Each has shown all of them, and its listeners were called once for each. */
async function haveExactly(tabs: readonly Tab[], count: number, events = count): Promise<void> {
  for (const { view } of tabs) {
    // What a tab that hangs shows is only noticed after some seconds.
    await expect(view.items).toHaveCount(count, { timeout: 30_000 });
    const texts = await view.items.locator('.pgfeed-item-text').allTextContents();
    expect(new Set(texts).size).toBe(count);
    const said = events.toLocaleString('en');
    await expect(await view.figure('Events')).toHaveText(new RegExp(`^${said} \\(`));
  }
}

/** What the page counts from its start: how many tones it has played. */
function countTones(): void {
  const counter = { tones: 0 };
  Object.assign(window, { counter });
  const create = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function count() {
    counter.tones++;
    return create.call(this);
  };
}

async function tones(tabs: readonly Tab[]): Promise<number> {
  const each = tabs.map(({ page }) =>
    page.evaluate(() => (window as unknown as { counter: { tones: number } }).counter.tones),
  );
  return (await Promise.all(each)).reduce((sum, count) => sum + count, 0);
}

test('ten tabs over HTTP/1.1 share one connection; one of them shows the toast and plays the sound', async ({
  context,
  world,
}) => {
  await context.addInitScript(countTones);
  const row = await TabRow.open(context, world, 10, 'ten tabs');
  const { tabs } = row;
  await expect.poll(() => world.connections()).toBe(1);

  const { leader, followers } = await row.split();
  const other = followers.at(-1) ?? leader;
  await other.view.bell.click();
  await other.view.panel.getByRole('switch', { name: 'Sound' }).click();
  await expect.poll(() => tones(tabs)).toBe(1);
  await other.page.keyboard.press('Escape');
  await leader.view.bell.click();
  await expect(leader.view.panel.getByRole('switch', { name: 'Sound' })).toBeChecked();
  await leader.page.keyboard.press('Escape');

  await world.insertActivity('ten tabs', 'for all ten');
  await world.insertNotification('ten tabs', 'tess', 'Only once', { type: 'urgent' });
  for (const { view } of tabs) {
    await expect(view.items.first()).toContainText('for all ten');
    // The count comes after the event that would make a toast.
    await expect(view.bell).toHaveAccessibleName('Notifications, 1 unread');
  }
  const toasts = await Promise.all(tabs.map(({ view }) => view.toasts.count()));
  expect(toasts.toSorted()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  // An urgent one is two tones.
  expect(await tones(tabs)).toBe(3);

  // What is read in one is read in all.
  await other.view.bell.click();
  await other.view.panel.getByRole('button', { name: /^Unread: .*Only once/ }).click();
  await other.page.keyboard.press('Escape');
  for (const { view } of tabs) await expect(view.bell).toHaveAccessibleName('Notifications');
  await haveExactly(tabs, 1, 3);
  expect(await world.connections()).toBe(1);
});

test('a statement of a thousand rows hangs none of the tabs', async ({ context, world }) => {
  const row = await TabRow.open(context, world, 2, 'bulk tabs');
  await row.split();
  await world.insertHistory('bulk tabs', 1_000);
  await haveExactly(row.tabs, 1_000);
});

test('closing the tab that holds the connection loses and doubles nothing in the others', async ({
  context,
  world,
}) => {
  const row = await TabRow.open(context, world, 4, 'closed tabs');
  const inserts = world.insertActivities('closed tabs', 60, 6);
  for (let closed = 0; closed < 2; closed++) {
    const { leader, followers } = await row.split();
    await expect(leader.view.items).not.toHaveCount(0);
    await leader.page.close();
    row.forget(leader);
    for (const { view } of followers) await view.isLive();
    await expect.poll(() => world.connections()).toBe(1);
  }
  await inserts;
  await haveExactly(row.tabs, 60);
});

test('a tab that is frozen while it holds the connection hands it over, and catches up when it thaws', async ({
  context,
  world,
}) => {
  const row = await TabRow.open(context, world, 3, 'frozen tabs');
  const { leader, followers } = await row.split();
  const inserts = world.insertActivities('frozen tabs', 40, 4);
  await expect(leader.view.items).not.toHaveCount(0);
  const devtools = await row.devtools(leader);
  await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
  await inserts;
  await haveExactly(followers, 40);
  await expect.poll(() => world.connections()).toBe(1);

  await devtools.send('Page.setWebLifecycleState', { state: 'active' });
  await haveExactly(row.tabs, 40);
  await expect.poll(() => world.connections()).toBe(1);
});

test('a tab that hangs while it holds the connection is replaced, and comes back as one of the others', async ({
  context,
  world,
}) => {
  const row = await TabRow.open(context, world, 3, 'hanging tabs');
  const { leader, followers } = await row.split();
  await world.insertActivity('hanging tabs', 'before');
  await haveExactly(row.tabs, 1);
  const devtools = await row.devtools(leader);
  const paused = new Promise((resolve) => {
    devtools.once('Debugger.paused', resolve);
  });
  await devtools.send('Debugger.enable');
  await devtools.send('Debugger.pause');
  await paused;
  // It can't say goodbye: the others notice that it says nothing.
  await world.insertActivities('hanging tabs', 20);
  await haveExactly(followers, 21);

  await devtools.send('Debugger.resume');
  await devtools.send('Debugger.disable');
  await haveExactly(row.tabs, 21);
  await world.insertActivity('hanging tabs', 'after');
  await haveExactly(row.tabs, 22);
  await expect.poll(() => world.connections()).toBe(1);
});
