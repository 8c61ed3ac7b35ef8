import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ResetReason } from './client.js';
import { PollingClient } from './polling-client.js';
import { SharedClient, type SharedClientOptions } from './shared-client.js';
import { activity, FakeBrowser, FakeGateway, type FakeTab, ManualClock } from './testing/index.js';

/** A tab with its client, and what it was given. */
interface Opened {
  readonly tab: FakeTab;
  readonly client: SharedClient;
  readonly got: string[];
  /** The events that it would have made a sound for. */
  readonly presented: string[];
  readonly resets: ResetReason[];
}

let clock: ManualClock;
let gateway: FakeGateway;
let browser: FakeBrowser;
let all: Opened[];

beforeEach(() => {
  clock = new ManualClock();
  gateway = new FakeGateway();
  browser = new FakeBrowser(clock);
  all = [];
});

afterEach(async () => {
  for (const { tab, client } of all) {
    tab.thaw();
    client.disconnect();
  }
  await clock.advance(0);
  expect(clock.pending, 'timers left behind').toBe(0);
  expect(browser.held.size, 'locks left behind').toBe(0);
  expect(browser.channels.size, 'channels left behind').toBe(0);
});

function open(options: SharedClientOptions = {}): Opened {
  const tab = browser.openTab();
  tab.page.visible = all.length === 0;
  const client = new SharedClient({
    fetch: tab.fetch(gateway.fetch),
    clock: tab.clock,
    page: tab.page,
    tabs: tab,
    random: () => 0,
    ...options,
  });
  const opened: Opened = { tab, client, got: [], presented: [], resets: [] };
  client.subscribe('activity:new', ({ id }) => {
    opened.got.push(id);
    if (client.isPresenter) opened.presented.push(id);
  });
  client.onReset((reason) => opened.resets.push(reason));
  all.push(opened);
  return opened;
}

/** Opens tabs, of which the first leads and is looked at. */
async function openMany(count: number): Promise<Opened[]> {
  for (let n = 0; n < count; n++) {
    open().client.connect();
    await clock.advance(0);
  }
  await clock.advance(100);
  return all;
}

let next = 1;
function publish(count = 1): string[] {
  const published = Array.from({ length: count }, () => String(next++));
  gateway.publish(...published.map((id) => activity(id)));
  return published;
}

/** How many streams were asked for. */
const attempts = () => gateway.requests.filter(({ path }) => path.endsWith('/stream')).length;

describe('sharing', () => {
  it('opens one connection for ten tabs, and each gets each event once', async () => {
    const tabs = await openMany(10);
    expect(gateway.streams).toBe(1);
    const published = publish(3);
    await clock.advance(100);
    for (const { got, client } of tabs) {
      expect(got).toEqual(published);
      expect(client.status).toMatchObject({ state: 'live', identity: { user: 'ada' } });
      expect(client.cursor).toBe(gateway.cursor);
    }
    expect(attempts()).toBe(1);
  });

  it('tells the other tabs in one message what came in one', async () => {
    const polling: SharedClientOptions = { create: (options) => new PollingClient(options) };
    for (let n = 0; n < 2; n++) {
      open(polling).client.connect();
      await clock.advance(100);
    }
    const received = vi.spyOn([...browser.channels][1]!, 'receive');
    const published = publish(100);
    await clock.advance(30_000);
    expect(all[1]?.got).toEqual(published);
    const withEvents = received.mock.calls.filter(([message]) =>
      JSON.stringify(message).includes('activity:new'),
    );
    expect(withEvents).toHaveLength(1);
  });

  it('does not share between users, topics or gateways', async () => {
    open().client.connect();
    open({ topics: ['activity'] }).client.connect();
    open({ baseUrl: 'http://other.test' }).client.connect();
    await clock.advance(100);
    gateway.identity = { tenant: 'acme', user: 'eve' };
    open().client.connect();
    await clock.advance(100);
    expect(gateway.streams).toBe(4);
  });

  it('does not ask who we are where the application says so', async () => {
    open({ user: 'acme/ada' }).client.connect();
    open({ user: 'acme/ada' }).client.connect();
    await clock.advance(100);
    expect(gateway.requests.map(({ path }) => path)).toEqual(['/api/activity/stream']);
    const published = publish();
    await clock.advance(100);
    for (const { got } of all) expect(got).toEqual(published);
  });

  it('catches up a tab that joins from its own cursor, in order, while events go on', async () => {
    await openMany(1);
    const { cursor } = gateway;
    const before = publish(2);
    await clock.advance(100);
    const late = open();
    late.client.connect({ cursor });
    const meanwhile = publish();
    await clock.advance(100);
    const after = publish();
    await clock.advance(100);
    expect(late.got).toEqual([...before, ...meanwhile, ...after]);
    expect(gateway.streams).toBe(1);
  });

  it('lets what is live wait for a poll that fails at first', async () => {
    await openMany(1);
    const { cursor } = gateway;
    const before = publish();
    await clock.advance(100);
    const late = open({ user: '["acme","ada"]' });
    gateway.refusal = { status: 503, headers: { 'Retry-After': '5' } };
    late.client.connect({ cursor });
    await clock.advance(4_900);
    const after = publish();
    await clock.advance(0);
    expect(late.got).toEqual([]);
    gateway.refusal = null;
    await clock.advance(1_000);
    expect(late.got).toEqual([...before, ...after]);
  });

  it('tells every tab what the time is at the server', async () => {
    const [first, second] = await openMany(2);
    second?.tab.page.signal('visible');
    gateway.ping(new Date(clock.now() - 60_000).toISOString());
    await clock.advance(3_000);
    expect([first?.client.clockAhead, second?.client.clockAhead]).toEqual([60_000, 60_000]);
  });

  it('knows the time at the server also where it only polls', async () => {
    for (let n = 0; n < 2; n++) {
      open({
        create: (options) => new PollingClient(options),
        fetch: async (url, init) => {
          const response = await gateway.fetch(url, init);
          response.headers.set('Date', new Date(clock.now() - 60_000).toUTCString());
          return response;
        },
      }).client.connect();
      await clock.advance(1_000);
    }
    expect(all.map(({ client }) => client.clockAhead)).toEqual([60_000, 60_000]);
  });

  it('does not forget the time at the server when another tab leads, which has yet to be told', async () => {
    const [first, ...others] = await openMany(3);
    for (const { tab } of others) tab.page.signal('visible');
    gateway.ping(new Date(clock.now() - 60_000).toISOString());
    await clock.advance(3_000);
    gateway.unreachable = true;
    first?.client.disconnect();
    await clock.advance(1_000);
    expect(others.map(({ client }) => client.status.state)).toEqual(['connecting', 'connecting']);
    expect(others.map(({ client }) => client.clockAhead)).toEqual([60_000, 60_000]);
  });

  it('counts one connection in every tab, however often the leader says how it stands', async () => {
    const tabs = await openMany(3);
    for (const { tab } of tabs) tab.page.signal('visible');
    const changes: string[] = [];
    for (const { client } of tabs) client.onStatus(({ state }) => changes.push(state));
    for (let minute = 0; minute < 5; minute++) {
      await clock.advance(50_000);
      gateway.ping();
    }
    expect(changes).toEqual([]);
    expect(tabs.map(({ client }) => client.stats().connections)).toEqual([1, 1, 1]);
  });

  it('has its place to go on from when it says that it is live', async () => {
    const cursors: (string | null)[] = [];
    for (const { client } of [open({ user: 'ada' }), open({ user: 'ada' })]) {
      client.onStatus(({ state }) => {
        if (state === 'live') cursors.push(client.cursor);
      });
      client.connect();
    }
    await clock.advance(3_000);
    expect(cursors).toEqual(['c0', 'c0']);
  });

  it('leaves nothing behind in a tab that disconnects when it hears of the connection', async () => {
    const [first] = await openMany(1);
    const second = open();
    second.client.onStatus(({ state }) => {
      if (state === 'live') second.client.disconnect();
    });
    second.client.connect({ cursor: gateway.cursor });
    publish();
    await clock.advance(100);
    expect(second.client.status.state).toBe('closed');
    expect(second.got).toEqual([]);
    first?.client.disconnect();
  });

  it('passes resets on to every tab', async () => {
    const tabs = await openMany(3);
    gateway.reset('expired');
    await clock.advance(100);
    for (const { resets } of tabs) expect(resets).toEqual(['expired']);
  });

  it('has a connection of its own where locks are refused', async () => {
    const opened = open();
    opened.tab.locks.request = () => Promise.reject(new DOMException('no', 'SecurityError'));
    opened.client.connect();
    await clock.advance(100);
    expect(opened.client.status.state).toBe('live');
    expect(opened.client.isPresenter).toBe(true);
  });

  it('tries again when it cannot ask who we are, and says so', async () => {
    gateway.unreachable = true;
    const { client } = open();
    client.connect();
    await clock.advance(0);
    expect(client.status).toEqual({ state: 'connecting', retryAt: clock.now() + 1_000 });
    await clock.advance(15_000);
    expect(client.status.state).toBe('offline');
    gateway.unreachable = false;
    await clock.advance(30_000);
    expect(client.status.state).toBe('live');
  });
});

describe('handing over', () => {
  it('goes on in another tab at once when the leader is closed, without loss or doubles', async () => {
    const tabs = await openMany(10);
    const before = publish(2);
    await clock.advance(100);
    tabs[0]?.tab.kill();
    const meanwhile = publish(2);
    await clock.advance(100);
    const after = publish(2);
    await clock.advance(100);
    for (const { got } of tabs.slice(1)) expect(got).toEqual([...before, ...meanwhile, ...after]);
    expect(attempts()).toBe(2);
    // Each follower stood where the new leader went on from: nothing had to be asked for.
    expect(gateway.requests.filter(({ path }) => path === '/api/activity')).toHaveLength(10);
  });

  it('goes on when the leader disconnects', async () => {
    const [first, second] = await openMany(2);
    first?.client.disconnect();
    const published = publish();
    await clock.advance(100);
    expect(first?.got).toEqual([]);
    expect(second?.got).toEqual(published);
    expect(second?.client.status.state).toBe('live');
    expect(gateway.streams).toBe(1);
  });

  it('brings all of a poll to every tab, also when the leader disconnects in the middle of it', async () => {
    const polling: SharedClientOptions = { create: (options) => new PollingClient(options) };
    for (let n = 0; n < 3; n++) {
      open(polling).client.connect();
      await clock.advance(100);
    }
    const published = publish(2);
    await clock.advance(30_000);
    for (const { client } of all) expect(client.cursor).toBe(gateway.cursor);

    const [first] = all;
    const stop = first?.client.subscribe('activity:new', () => first.client.disconnect());
    published.push(...publish(3));
    await clock.advance(30_000);
    expect(first?.got).toEqual(published.slice(0, 3));
    stop?.();
    first?.client.connect();
    await clock.advance(30_000);
    for (const { got } of all) expect(got).toEqual(published);
  });

  it('takes over from a frozen leader within 7 s, and has it back as a follower', async () => {
    const tabs = await openMany(4);
    const [first] = tabs;
    tabs[1]?.tab.page.signal('visible');
    await clock.advance(100);
    first?.tab.freeze();
    const published = publish(2);
    await clock.advance(7_000);
    for (const { got } of tabs.slice(1)) expect(got).toEqual(published);
    published.push(...publish());
    await clock.advance(1_000);

    first?.tab.thaw();
    await clock.advance(1_000);
    published.push(...publish());
    await clock.advance(1_000);
    for (const { got } of tabs) expect(got).toEqual(published);
    expect(gateway.streams).toBe(1);
    expect(attempts()).toBe(2);
  });

  it('takes over from a frozen leader when nobody looks, without a fight', async () => {
    const tabs = await openMany(5);
    tabs[0]?.tab.page.signal('hidden');
    await clock.advance(100);
    tabs[0]?.tab.freeze();
    const published = publish();
    await clock.advance(35_000);
    for (const { got } of tabs.slice(1)) expect(got).toEqual(published);
    expect(gateway.streams).toBeLessThanOrEqual(2);
  });

  it('hands over before it is put aside, and catches up when it comes back', async () => {
    const [first, second] = await openMany(2);
    first?.tab.page.signal('suspend');
    const published = publish();
    await clock.advance(100);
    expect(second?.got).toEqual(published);
    expect(gateway.streams).toBe(1);
    first?.tab.page.signal('resume');
    await clock.advance(100);
    expect(first?.got).toEqual(published);
    expect(gateway.streams).toBe(1);
  });

  it('does not take its own sleep for the silence of the leader', async () => {
    const tabs = await openMany(2);
    tabs[1]?.tab.page.signal('visible');
    await clock.advance(100);
    tabs[1]?.tab.freeze();
    for (let minute = 0; minute < 10; minute++) {
      await clock.advance(50_000);
      gateway.ping();
    }
    tabs[1]?.tab.thaw();
    await clock.advance(10_000);
    expect(attempts()).toBe(1);
  });

  it('survives handing over again and again under load', async () => {
    const tabs = await openMany(6);
    const published: string[] = [];
    for (let round = 0; round < 5; round++) {
      published.push(...publish(3));
      if (round % 2 === 0) await clock.advance(10);
      tabs[round]?.tab.kill();
      published.push(...publish(2));
      await clock.advance(50);
    }
    await clock.advance(1_000);
    expect(tabs[5]?.got).toEqual(published);
  });

  it('leaves a session that is over to the next tab, each asking once', async () => {
    const tabs = await openMany(3);
    gateway.refusal = { status: 401 };
    gateway.bye('session');
    await clock.advance(600_000);
    for (const { client } of tabs) {
      expect(client.status).toEqual({ state: 'unauthorized', reason: 'session' });
    }
    expect(attempts()).toBe(1 + 3);
  });

  it('stops when somebody else has logged in, and shows none of their events', async () => {
    const [first, second] = await openMany(2);
    gateway.identity = { tenant: 'globex', user: 'gus' };
    gateway.cut();
    publish();
    await clock.advance(5_000);
    for (const opened of [first, second]) {
      expect(opened?.client.status).toEqual({ state: 'unauthorized', reason: 'identity' });
      expect(opened?.got).toEqual([]);
    }
    first?.client.connect();
    await clock.advance(100);
    expect(first?.resets).toEqual(['invalid']);
    const published = publish();
    await clock.advance(100);
    expect(first?.got).toEqual(published);
  });
});

describe('somebody else who has logged in', () => {
  const kinds: Record<string, () => SharedClientOptions> = {
    'whoever asks who it is': () => ({}),
    'a page that says who it is': () => ({ user: 'whoever has logged in' }),
    'a page without locks': () => ({ tabs: null }),
    'a page without locks that polls': () => ({
      tabs: null,
      create: (options) => new PollingClient(options),
    }),
  };

  it.each(Object.entries(kinds))('has all loaded anew by every tab of %s', async (_, options) => {
    for (let n = 0; n < 2; n++) {
      open(options()).client.connect();
      await clock.advance(100);
    }
    gateway.identity = { tenant: 'globex', user: 'gus' };
    gateway.cut();
    await clock.advance(31_000);
    for (const { client } of all) {
      expect(client.status).toEqual({ state: 'unauthorized', reason: 'identity' });
    }
    for (const { client } of all) client.connect();
    await clock.advance(100);
    const published = publish();
    await clock.advance(31_000);
    for (const { client, resets, got } of all) {
      expect(client.status).not.toMatchObject({ state: 'unauthorized' });
      expect([resets, got]).toEqual([['invalid'], published]);
    }
  });

  it('is told of only once there is a place to go on from', async () => {
    const { client, resets } = open({ tabs: null });
    client.connect();
    await clock.advance(100);
    gateway.identity = { tenant: 'globex', user: 'gus' };
    gateway.cut();
    await clock.advance(5_000);
    gateway.unreachable = true;
    client.connect();
    await clock.advance(20_000);
    expect([client.status.state, client.cursor, resets]).toEqual(['offline', null, []]);
    gateway.unreachable = false;
    await clock.advance(30_000);
    expect(resets).toEqual(['invalid']);
  });

  it('leaves nothing behind when whoever is told of it disconnects', async () => {
    const [first, second] = await openMany(2);
    gateway.identity = { tenant: 'globex', user: 'gus' };
    gateway.cut();
    await clock.advance(5_000);
    for (const opened of [first, second]) {
      opened?.client.onReset(() => opened.client.disconnect());
      opened?.client.connect();
    }
    await clock.advance(100);
    for (const { client, resets } of all) {
      expect([client.status.state, resets]).toEqual(['closed', ['invalid']]);
    }
    expect([gateway.streams, browser.channels.size]).toEqual([0, 0]);
  });
});

describe('presenting', () => {
  it('happens in one tab: the one that is looked at, else the leader', async () => {
    const tabs = await openMany(3);
    const presenters = () => tabs.flatMap(({ client }, n) => (client.isPresenter ? [n] : []));
    expect(presenters()).toEqual([0]);

    const changes: boolean[] = [];
    tabs[2]?.client.onPresenter((isPresenter) => changes.push(isPresenter));
    tabs[0]?.tab.page.signal('hidden');
    tabs[2]?.tab.page.signal('visible');
    await clock.advance(0);
    expect(presenters()).toEqual([2]);
    const [inThird] = publish();
    await clock.advance(0);

    tabs[2]?.tab.page.signal('hidden');
    await clock.advance(0);
    expect(presenters()).toEqual([0]);
    expect(changes).toEqual([true, false]);
    const [inFirst] = publish();
    await clock.advance(0);
    expect(tabs.map(({ presented }) => presented)).toEqual([[inFirst], [], [inThird]]);
  });

  it('stays in one of two that are looked at, and moves on when that one is gone', async () => {
    const tabs = await openMany(3);
    tabs[1]?.tab.page.signal('visible');
    await clock.advance(1_000);
    const [one] = publish();
    await clock.advance(0);
    expect(tabs.flatMap(({ presented }) => presented)).toEqual([one]);
    tabs[0]?.tab.kill();
    await clock.advance(100);
    const [two] = publish();
    await clock.advance(0);
    expect(tabs[1]?.presented).toEqual([two]);
  });

  it('is given up by a tab that crashed', async () => {
    const tabs = await openMany(2);
    tabs[0]?.tab.page.signal('hidden');
    tabs[1]?.tab.page.signal('visible');
    await clock.advance(100);
    tabs[1]?.tab.kill();
    await clock.advance(20_000);
    const [id] = publish();
    await clock.advance(0);
    expect(tabs[0]?.presented).toEqual([id]);
  });
});
