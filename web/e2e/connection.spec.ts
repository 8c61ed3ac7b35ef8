import type { Page } from '@playwright/test';
import type { FaultProxy, StreamFault } from './fault-proxy';
import { expect, PanelView, test, type World } from './fixtures';

const SECOND = 1_000;

/** A page behind the faulty proxy whose clock stands still, so that each wait of the client can be looked at. */
class Patient {
  readonly view: PanelView;
  readonly #page: Page;

  private constructor(page: Page) {
    this.#page = page;
    this.view = new PanelView(page, 'Left');
  }

  /** `fault` is there before it connects for the first time. */
  static async open(
    page: Page,
    world: World,
    faults: FaultProxy,
    tenant: string,
    fault: StreamFault = { kind: 'none' },
  ): Promise<Patient> {
    const patient = new Patient(page);
    await page.clock.install();
    // Without it each wait is up to a half shorter.
    await page.addInitScript(() => {
      Math.random = () => 0;
    });
    await page.goto(faults.address);
    await page.clock.pauseAt(Date.now() + 60 * SECOND);
    await patient.view.useToken(await world.session(tenant, 'pat'));
    faults.fault = fault;
    if (fault.kind === 'none') await patient.isLive();
    return patient;
  }

  /** So many milliseconds pass for the page. */
  async pass(milliseconds: number): Promise<void> {
    await this.#page.clock.runFor(milliseconds);
  }

  /** Waits until whatever the page has sent so far has arrived. */
  async sent(): Promise<void> {
    await this.#page.evaluate(() => fetch('/healthz'));
  }

  isLive(): Promise<void> {
    return this.view.isLive();
  }

  /** Waits until the client has noticed that so many attempts have failed. */
  async hasFailed(times: number): Promise<void> {
    await expect(await this.view.figure('Connections')).toHaveText(
      new RegExp(`\\(${times} failed\\)`),
    );
  }

  async hasCuts(cuts: number): Promise<void> {
    await expect(await this.view.figure('Cuts')).toHaveText(new RegExp(`^${cuts} `));
  }
}

test('a cut is mended with backoff, then bridged by polling with a notice, and mended again', async ({
  page,
  world,
  faults,
}) => {
  const patient = await Patient.open(page, world, faults, 'cut');
  const { view } = patient;
  expect(faults.attempts).toBe(1);
  faults.fault = { kind: 'refuse' };
  faults.cut();
  await patient.hasCuts(1);
  // After each failed reconnection twice as long.
  for (const [index, seconds] of [1, 2, 4].entries()) {
    await patient.pass(seconds * SECOND - 1);
    await patient.sent();
    expect(faults.attempts).toBe(1 + index);
    await patient.pass(1);
    await expect.poll(() => faults.attempts).toBe(2 + index);
    await patient.hasFailed(1 + index);
  }
  await expect(view.status).toHaveText('Polling');
  const notice = view.root.getByText('Real-time updates unavailable, using polling');
  await expect(notice).toBeVisible();

  // On the same cursor, every 30 s, and it goes on trying: after 8 s, and then 16.
  await world.insertActivity('cut', 'while polling');
  await patient.pass(8 * SECOND);
  await expect.poll(() => faults.attempts).toBe(5);
  await patient.hasFailed(4);
  await patient.pass(16 * SECOND);
  await expect.poll(() => faults.attempts).toBe(6);
  await patient.hasFailed(5);
  await expect(view.items).toHaveCount(0);
  await patient.pass(6 * SECOND);
  await expect(view.items).toHaveCount(1);

  faults.fault = { kind: 'none' };
  await patient.pass(24 * SECOND);
  await patient.isLive();
  await expect(notice).toBeHidden();
  await world.insertActivity('cut', 'live again');
  await expect(view.items.locator('.pgfeed-item-text')).toHaveText(['live again', 'while polling']);
  // The figures are refreshed each second.
  await patient.pass(SECOND);
  await expect(await view.figure('Events')).toHaveText(/^2 \(/);
});

test('a proxy that answers 200 and then nothing has failed after 10 s', async ({
  page,
  world,
  faults,
}) => {
  const patient = await Patient.open(page, world, faults, 'buffered', { kind: 'buffer' });
  const { view } = patient;
  await world.insertActivity('buffered', 'history');
  for (const [index, backoff] of [1, 2, 4, 8].entries()) {
    await expect.poll(() => faults.attempts).toBe(1 + index);
    await patient.pass(10 * SECOND - 1);
    await patient.hasFailed(index);
    await patient.pass(1);
    await patient.hasFailed(1 + index);
    if (index === 3) faults.fault = { kind: 'none' };
    if (index === 3) await expect(view.status).toHaveText('Polling');
    await patient.pass(backoff * SECOND);
  }
  await patient.isLive();
  await expect(view.items).toHaveCount(1);
});

test('a connection that falls silent is given up after a minute, also when the machine slept', async ({
  page,
  world,
  faults,
}) => {
  const patient = await Patient.open(page, world, faults, 'silent');
  const { view } = patient;
  faults.swallow();
  await world.insertActivity('silent', 'swallowed');
  await patient.pass(59 * SECOND);
  await patient.sent();
  expect(faults.attempts).toBe(1);
  await patient.pass(2 * SECOND);
  await patient.isLive();
  await expect(view.items).toHaveText([/swallowed/]);
  expect(faults.attempts).toBe(2);

  faults.swallow();
  await world.insertActivity('silent', 'asleep');
  // All timers are late, as after a night with the lid closed.
  await page.clock.fastForward(8 * 60 * 60 * SECOND);
  // It hadn't been live for long before, so that it waits two seconds.
  await patient.pass(2 * SECOND);
  await expect(view.items).toHaveText([/asleep/, /swallowed/]);
  await patient.pass(2 * SECOND); // the figures are drawn anew every second
  await expect(await view.figure('Events')).toHaveText(/^2 \(/);
});

test('a session that is revoked ends it, without asking again', async ({ page, world, faults }) => {
  await page.clock.install();
  await page.goto(faults.address);
  const view = new PanelView(page, 'Left');
  const token = await world.session('revoked', 'rex');
  await view.useToken(token);
  await view.isLive();
  await world.revoke(token);
  await expect(view.status).toHaveText('Signed out');
  await expect(view.root.getByText('Your session has ended')).toBeVisible();
  const { calls } = faults;
  await page.clock.runFor(10 * 60 * SECOND);
  await page.evaluate(() => window.dispatchEvent(new Event('online')));
  // Whatever it had sent would arrive before this.
  await page.evaluate(() => fetch('/healthz'));
  expect(faults.calls).toBe(calls);
});

for (const status of [429, 503]) {
  test(`a server that answers ${status} is left alone for as long as it asks`, async ({
    page,
    world,
    faults,
  }) => {
    const patient = await Patient.open(page, world, faults, `told ${status}`);
    faults.fault = { kind: 'answer', status, retryAfter: '120' };
    faults.cut();
    await patient.hasCuts(1);
    await patient.pass(SECOND);
    await patient.hasFailed(1);
    expect(faults.attempts).toBe(2);
    faults.fault = { kind: 'none' };
    await patient.pass(119 * SECOND);
    // Nor does it ask sooner because something has changed here.
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await patient.sent();
    expect(faults.attempts).toBe(2);
    await patient.pass(SECOND);
    await patient.isLive();
    expect(faults.attempts).toBe(3);
  });
}

test('without a network it is offline at once, and back as soon as there is one', async ({
  page,
  context,
  world,
  faults,
}) => {
  await page.goto(faults.address);
  const view = new PanelView(page, 'Left');
  await view.useToken(await world.session('offline', 'olga'));
  await view.isLive();
  await context.setOffline(true);
  await expect(view.status).toHaveText('Offline');
  await expect(view.root.getByText('Nothing to show while offline')).toBeVisible();
  await world.insertActivity('offline', 'meanwhile');
  await context.setOffline(false);
  await view.isLive();
  await expect(view.items).toHaveText([/meanwhile/]);
  await expect(await view.figure('Events')).toHaveText(/^1 \(/);
});

test('a page that comes back from the browser’s back/forward cache goes on where it was', async ({
  playwright,
  launchOptions,
  world,
  faults,
}) => {
  // Playwright turns that cache off.
  const browser = await playwright.chromium.launch({
    ...launchOptions,
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
  try {
    const page = await browser.newPage();
    await page.goto(faults.address);
    const view = new PanelView(page, 'Left');
    await view.useToken(await world.session('kept', 'kay'));
    await view.isLive();
    await page.evaluate(() => Object.assign(window, { kept: true }));
    await page.goto(`${faults.address}/healthz`);
    await expect.poll(() => faults.streams).toBe(0);
    await world.insertActivity('kept', 'meanwhile');
    await page.evaluate(() => history.back());
    await expect(view.items).toHaveText([/meanwhile/]);
    await view.isLive();
    expect(await page.evaluate(() => 'kept' in window)).toBe(true);
    await expect(await view.figure('Events')).toHaveText(/^1 \(/);
  } finally {
    await browser.close();
  }
});

test('a client that missed more than can be sent is told to reload, and goes on', async ({
  page,
  world,
  faults,
}) => {
  const gateway = await world.startGateway('--max-replay=10');
  try {
    faults.target = gateway.address;
    const patient = await Patient.open(page, world, faults, 'overflowing');
    const { view } = patient;
    await world.insertActivity('overflowing', 'before');
    await expect(view.items).toHaveCount(1);
    faults.fault = { kind: 'refuse' };
    faults.cut();
    await patient.hasCuts(1);
    await world.insertActivities('overflowing', 30);
    faults.fault = { kind: 'none' };
    await patient.pass(SECOND);
    await expect(view.items).toHaveCount(31);
    await patient.isLive();
    // The figures are refreshed each second.
    await patient.pass(SECOND);
    await expect(await view.figure('Resets')).toHaveText('1');
    await world.insertActivity('overflowing', 'after');
    await expect(view.items.first()).toContainText('after');
    await expect(view.items).toHaveCount(32);
  } finally {
    await gateway.stop('SIGKILL');
  }
});

test('what a replay sends again is dropped', async ({ page, world, faults }) => {
  await page.goto(faults.address);
  const view = new PanelView(page, 'Left');
  await view.useToken(await world.session('doubled', 'dora'));
  await view.isLive();
  for (const text of ['one', 'two', 'three']) await world.insertActivity('doubled', text);
  await expect(view.items).toHaveCount(3);
  faults.repeat();
  await world.insertActivity('doubled', 'four');
  await expect(view.items.locator('.pgfeed-item-text')).toHaveText(['four', 'three', 'two', 'one']);
  await expect(await view.figure('Events')).toHaveText('4 (3 dropped as duplicates)');
});

test('nothing is lost or doubled through cuts, refusals, silence and repetitions under load', async ({
  page,
  context,
  world,
  faults,
}) => {
  await page.goto(faults.address);
  const view = new PanelView(page, 'Left');
  await view.useToken(await world.session('battered', 'bert'));
  await view.isLive();
  const inserts = world.insertActivities('battered', 48, 12);
  const events = await view.figure('Events');
  const count = async () => Number.parseInt(await events.innerText(), 10);
  /** Waits until something more has come, so that each fault meets a running stream. */
  const more = async () => {
    const before = await count();
    await expect.poll(count, { timeout: 30_000 }).toBeGreaterThan(before);
  };
  await more();
  faults.cut();
  await more();
  faults.repeat();
  faults.cutInside();
  await more();
  faults.fault = { kind: 'answer', status: 503, retryAfter: '1' };
  const { attempts } = faults;
  faults.cut();
  await expect.poll(() => faults.attempts, { timeout: 30_000 }).toBeGreaterThan(attempts);
  faults.fault = { kind: 'none' };
  await inserts;
  await context.setOffline(true);
  await expect(view.status).toHaveText('Offline');
  await world.insertActivities('battered', 2);
  await context.setOffline(false);
  await expect(view.items).toHaveCount(50, { timeout: 30_000 });
  await expect(events).toHaveText(/^50 \(/);
});
