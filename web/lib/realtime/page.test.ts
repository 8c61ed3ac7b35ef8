// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from './clock.js';
import { browserPage, type PageSignal } from './page.js';
import { PollingClient } from './polling-client.js';
import { SSEClient } from './sse-client.js';
import { ManualClock, settle } from './testing/manual-clock.js';
import { ManualPage } from './testing/manual-page.js';
import { type ScriptedStream, ScriptedTransport } from './testing/scripted-transport.js';

let clock: ManualClock;
let page: ManualPage;
let transport: ScriptedTransport;
let client: SSEClient | PollingClient;
/** Milliseconds by which timers are late: of a machine that slept, or a tab in the background. */
let late: number;

/** A clock that goes on while its timers stand still. */
const sleepyClock: Clock = {
  now: () => clock.now() + late,
  after: (milliseconds, callback) => clock.after(milliseconds, callback),
};

beforeEach(() => {
  clock = new ManualClock();
  page = new ManualPage();
  transport = new ScriptedTransport();
  late = 0;
  const options = { fetch: transport.fetch, clock: sleepyClock, page, random: () => 0 };
  client = new SSEClient(options);
});

afterEach(async () => {
  client.disconnect();
  await settle();
  expect([clock.pending, page.listening], 'timers and listeners left behind').toEqual([0, 0]);
});

async function live(): Promise<ScriptedStream> {
  client.connect();
  await settle();
  const stream = transport.next().stream();
  stream.hello('c0');
  await settle();
  expect(client.status.state).toBe('live');
  return stream;
}

describe('a page without a network', () => {
  it('is offline at once, and connects at once when there is one again', async () => {
    await live();
    page.signal('offline');
    expect(client.status).toEqual({
      state: 'offline',
      retryAt: clock.now() + 30_000,
      pollAt: null,
    });
    expect(transport.requests[0]?.signal?.aborted).toBe(true);
    page.signal('online');
    await settle();
    expect(transport.next().headers.get('Last-Event-ID')).toBe('c0');
  });

  it('tries all the same every 30 s: the browser may be wrong', async () => {
    await live();
    page.signal('offline');
    await clock.advance(29_999);
    expect(transport.waiting).toBe(0);
    await clock.advance(1);
    transport.next().stream().hello();
    await settle();
    expect(client.status.state).toBe('live');
  });
});

describe('a page that somebody looks at again', () => {
  it('tries at once rather than wait for its turn', async () => {
    client.connect();
    await settle();
    transport.next().fail();
    await settle();
    page.signal('hidden');
    page.signal('visible');
    await settle();
    expect(transport.waiting).toBe(1);
  });

  it('leaves a server alone that asked for patience', async () => {
    client.connect();
    await settle();
    transport.next().json({}, 503, { 'Retry-After': '60' });
    await settle();
    for (const signal of ['online', 'visible'] as const) page.signal(signal);
    await clock.advance(59_999);
    expect(transport.waiting).toBe(0);
    await clock.advance(1);
    expect(transport.waiting).toBe(1);
  });

  it('notices a connection that died while its timers stood still', async () => {
    await live();
    late = 61_000;
    page.signal('visible');
    await settle();
    expect(transport.waiting).toBe(1);
    expect(client.status.state).toBe('connecting');
  });

  it('polls at once, where it polls', async () => {
    (await live()).break();
    for (const wait of [1_000, 2_000, 4_000]) {
      await clock.advance(wait);
      transport.next().fail();
      await settle();
    }
    transport.next().json({ events: [], cursor: 'c1', more: false });
    await settle();
    expect(client.status.state).toBe('polling');
    page.signal('visible');
    await settle();
    const urls = [transport.next().url, transport.next().url];
    expect(urls.toSorted()).toEqual([
      '/api/activity/stream?topics=activity,notification',
      '/api/activity?cursor=c1&topics=activity%2Cnotification',
    ]);
  });
});

describe('a page whose timers are late', () => {
  it('makes up for them when it is told that time has passed', async () => {
    client.connect();
    await settle();
    transport.next().fail();
    await settle();
    page.signal('tick');
    await settle();
    expect(transport.waiting).toBe(0);
    late = 1_000;
    page.signal('tick');
    await settle();
    expect(transport.waiting).toBe(1);
  });
});

describe('a page that is put aside', () => {
  it('lets go of its connection, and goes on from its cursor when it is taken up again', async () => {
    const stream = await live();
    stream.activity('1', 'c1');
    await clock.advance(5_000);
    page.signal('suspend');
    expect(transport.requests[0]?.signal?.aborted).toBe(true);
    // Nothing that happens to it matters until then.
    for (const signal of ['offline', 'online', 'visible', 'tick'] as const) page.signal(signal);
    await clock.advance(3_600_000);
    expect(transport.waiting).toBe(0);
    page.signal('resume');
    await settle();
    const request = transport.next();
    expect(request.headers.get('Last-Event-ID')).toBe('c1');
    request.stream().hello('c1');
    await settle();
    expect(client.status.state).toBe('live');
    // The hour isn't held against the connection.
    expect(client.stats().uptime).toBe(1);
  });

  it('is no more than a resume without a suspend', async () => {
    await live();
    page.signal('resume');
    await settle();
    expect(transport.waiting).toBe(0);
  });
});

describe('a client that only polls', () => {
  beforeEach(() => {
    client = new PollingClient({
      fetch: transport.fetch,
      clock: sleepyClock,
      page,
      random: () => 0,
      cursor: 'c0',
    });
  });

  it('polls at once when somebody looks or there is a network, and when a timer was late', async () => {
    client.connect();
    const answer = async () => {
      await settle();
      transport.next().json({ events: [], cursor: 'c1', more: false });
      await settle();
    };
    await answer();
    page.signal('offline');
    expect(client.status.state).toBe('offline');
    page.signal('online');
    await answer();
    expect(client.status.state).toBe('polling');
    page.signal('visible');
    await answer();
    late = 30_000;
    page.signal('tick');
    await answer();
    expect(transport.requests).toHaveLength(4);
  });
});

it('the page of the browser says what happens to it, until nobody listens', () => {
  const signals: PageSignal[] = [];
  const stop = browserPage.listen((signal) => signals.push(signal));
  const happen = () => {
    for (const type of ['online', 'offline', 'pagehide', 'pageshow']) {
      window.dispatchEvent(new Event(type));
    }
    for (const type of ['freeze', 'resume', 'visibilitychange']) {
      document.dispatchEvent(new Event(type));
    }
  };
  happen();
  expect(signals).toEqual([
    'online',
    'offline',
    'suspend',
    'resume',
    'suspend',
    'resume',
    'visible',
  ]);
  stop();
  happen();
  expect(signals).toHaveLength(7);
});
