import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConnectionState, RealtimeClient, ResetReason } from './client.js';
import type { ClientOptions } from './options.js';
import { PollingClient } from './polling-client.js';
import { SSEClient } from './sse-client.js';
import { ManualClock, settle } from './testing/manual-clock.js';
import { activity, type ScriptedStream, ScriptedTransport } from './testing/scripted-transport.js';

let clock: ManualClock;
let transport: ScriptedTransport;
let client: RealtimeClient;
let received: string[];
let states: ConnectionState[];
let resets: ResetReason[];

function create(options: ClientOptions = {}): void {
  clock = new ManualClock();
  transport = new ScriptedTransport();
  client = new SSEClient({
    fetch: transport.fetch,
    getToken: () => 'secret',
    clock,
    random: () => 0,
    ...options,
  });
  received = [];
  states = [];
  resets = [];
  client.subscribe('activity:new', (event) => received.push(event.id));
  client.onStatus((status) => {
    if (states.at(-1) !== status.state) states.push(status.state);
  });
  client.onReset((reason) => resets.push(reason));
}

async function goLive(cursor = 'c0'): Promise<ScriptedStream> {
  await settle();
  const stream = transport.next().stream();
  stream.hello(cursor);
  await settle();
  expect(client.status.state).toBe('live');
  return stream;
}

/** Waits for the next attempt, which must come after exactly so long. */
async function nextAttemptAfter(milliseconds: number) {
  await clock.advance(milliseconds - 1);
  expect(transport.waiting).toBe(0);
  await clock.advance(1);
  return transport.next();
}

beforeEach(() => create());
afterEach(async () => {
  client.disconnect();
  await settle();
  expect(clock.pending, 'timers left behind').toBe(0);
});

describe('connecting', () => {
  it('asks for both topics with the token and without cookies', async () => {
    client.connect();
    await settle();
    const request = transport.next();
    expect(request.url).toBe('/api/activity/stream?topics=activity,notification');
    expect(request.headers.get('Authorization')).toBe('Bearer secret');
    expect(request.headers.get('Last-Event-ID')).toBeNull();
    expect(request.credentials).toBe('omit');
  });

  it('sends cookies where there is no token', async () => {
    create({ getToken: () => null, baseUrl: 'https://feed.example' });
    client.connect();
    await settle();
    const request = transport.next();
    expect(request.url.startsWith('https://feed.example/api/')).toBe(true);
    expect(request.headers.has('Authorization')).toBe(false);
    expect(request.credentials).toBe('include');
  });

  it('is live once the server has greeted', async () => {
    client.connect();
    await goLive();
    expect(states).toEqual(['connecting', 'live']);
    expect(client.status).toMatchObject({ identity: { tenant: 'acme', user: 'ada' } });
    expect(client.cursor).toBe('c0');
  });

  it('begins at the cursor that it is given', async () => {
    client.connect({ cursor: 'from-rest' });
    await settle();
    expect(transport.next().headers.get('Last-Event-ID')).toBe('from-rest');
  });

  it('starts only once', async () => {
    expect(client.connect()).toBe(true);
    expect(client.connect({ cursor: 'other' })).toBe(false);
    await settle();
    expect(transport.requests).toHaveLength(1);
    expect(client.cursor).toBeNull();
  });

  it('fails an attempt that gets no hello within 10 s', async () => {
    client.connect();
    await settle();
    const request = transport.next();
    request.stream().write(': buffered\n\n');
    await clock.advance(9_999);
    expect(request.signal?.aborted).toBe(false);
    await clock.advance(1);
    expect(request.signal?.aborted).toBe(true);
    await nextAttemptAfter(1_000);
  });

  it('fails an attempt that gets no answer at all within 10 s', async () => {
    client.connect();
    await settle();
    transport.next();
    await clock.advance(10_000);
    await nextAttemptAfter(1_000);
  });

  it('fails an attempt whose token never comes', async () => {
    create({ getToken: () => new Promise<never>(() => {}) });
    client.connect();
    await clock.advance(10_000);
    expect(client.status).toEqual({ state: 'connecting', retryAt: clock.now() + 1_000 });
  });

  it('refuses an answer that is not an event stream', async () => {
    client.connect();
    await settle();
    transport.next().json({ sign: 'in to the hotel network' });
    await nextAttemptAfter(1_000);
  });
});

describe('events', () => {
  it('reach the listeners of their channel only, and the cursor follows', async () => {
    const notifications = vi.fn<(event: { event: string }) => void>();
    client.subscribe('notification:read', notifications);
    client.connect();
    const stream = await goLive();
    stream.activity('1', 'c1');
    stream.activity('2');
    stream.frame('notification:read', {
      ...activity('3'),
      type: 'notification',
      event: 'notification:read',
    });
    stream.frame('ping', { timestamp: '2026-01-01T00:00:30Z' }, 'c3');
    await settle();
    expect(received).toEqual(['1', '2']);
    expect(notifications).toHaveBeenCalledOnce();
    expect(client.cursor).toBe('c3');
  });

  it('that this version does not know, or that are malformed, are passed over', async () => {
    client.connect();
    const stream = await goLive();
    stream.frame('activity:gone', { ...activity('1'), event: 'activity:gone' });
    stream.frame('activity:new', { id: '2' });
    stream.write('event: activity:new\ndata: {broken\n\n');
    stream.activity('3');
    await settle();
    expect(received).toEqual(['3']);
  });

  it('are not doubled by a replay that overlaps', async () => {
    client.connect();
    const first = await goLive();
    first.activity('1', 'c1');
    first.activity('2');
    first.activity('3');
    await settle();
    first.break();
    const request = await nextAttemptAfter(1_000);
    expect(request.headers.get('Last-Event-ID')).toBe('c1');
    const second = request.stream();
    second.hello('c1');
    second.activity('2', 'c2');
    second.activity('3', 'c3');
    second.activity('4', 'c4');
    await settle();
    expect(received).toEqual(['1', '2', '3', '4']);
  });

  it('survive a character cut in two and a listener that throws', async () => {
    const uncaught = vi.fn<(error: unknown) => void>();
    process.once('uncaughtException', uncaught);
    client.unsubscribe('activity:new');
    const descriptions: unknown[] = [];
    client.subscribe('activity:new', () => {
      throw new Error('from a listener');
    });
    client.subscribe('activity:new', (event) => descriptions.push(event.data.description));
    client.connect();
    await settle();
    const bytes = new TextEncoder().encode(
      `event: hello\ndata: {}\n\nevent: activity:new\ndata: ${JSON.stringify(activity('1', 'grüßt 🐙'))}\n\n`,
    );
    const stream = transport.next().stream();
    for (const byte of bytes) stream.writeBytes(new Uint8Array([byte]));
    await settle();
    expect(descriptions).toEqual(['grüßt 🐙']);
    expect(uncaught).toHaveBeenCalledOnce();
  });

  it('no longer reach who has unsubscribed', async () => {
    const gone = vi.fn<() => void>();
    const stop = client.subscribe('activity:new', gone);
    client.connect();
    const stream = await goLive();
    stop();
    stop();
    stream.activity('1');
    await settle();
    expect(gone).not.toHaveBeenCalled();
    expect(received).toEqual(['1']);
  });

  it('stop in the middle of a chunk when a listener disconnects', async () => {
    client.subscribe('activity:new', () => client.disconnect());
    client.connect();
    const stream = await goLive();
    stream.write(
      ['1', '2']
        .map((id) => `event: activity:new\ndata: ${JSON.stringify(activity(id))}\n\n`)
        .join(''),
    );
    await settle();
    expect(received).toEqual(['1']);
    expect(client.status.state).toBe('closed');
  });
});

describe('the clock of the server', () => {
  const inSeconds = (seconds: number) => new Date(clock.now() + seconds * 1_000);

  it('is told by pings, of which the least delayed in a connection counts', async () => {
    client.connect();
    const stream = await goLive();
    expect(client.clockAhead).toBe(0);
    for (const [seconds, ahead] of [
      [-3_600, 3_600_000],
      [-3_700, 3_600_000],
      [-3_599, 3_599_000],
    ] as const) {
      stream.frame('ping', { timestamp: inSeconds(seconds).toISOString() });
      await settle();
      expect(client.clockAhead).toBe(ahead);
    }
    stream.frame('ping', { timestamp: 'noon' });
    await settle();
    expect(client.clockAhead).toBe(3_599_000);

    stream.break();
    const next = (await nextAttemptAfter(1_000)).stream();
    next.hello();
    next.frame('ping', { timestamp: inSeconds(-3_900).toISOString() });
    await settle();
    expect(client.clockAhead).toBe(3_900_000);
  });

  it('is told by the answer itself, where it may be read', async () => {
    client.connect();
    await settle();
    transport.next().json({}, 503, { Date: inSeconds(60).toUTCString() });
    await settle();
    expect(client.clockAhead).toBe(-60_000);
  });

  it('is told by polls too', async () => {
    client = new PollingClient({ fetch: transport.fetch, clock, cursor: 'c0' });
    client.connect();
    await settle();
    const answer = { events: [], cursor: 'c1', more: false };
    transport.next().json(answer, 200, { Date: inSeconds(-60).toUTCString() });
    await settle();
    expect(client.clockAhead).toBe(60_000);
    await clock.advance(30_000);
    transport.next().json(answer);
    await settle();
    expect(client.clockAhead).toBe(60_000);
  });
});

describe('reconnecting', () => {
  it('waits 1, 2, 4, 8, 16, 30, 30 s', async () => {
    client.connect();
    await settle();
    let streams = [transport.next()];
    const waits: number[] = [];
    let failedAt = clock.now();
    while (waits.length < 7) {
      for (const request of streams) request.fail();
      await settle();
      failedAt = clock.now();
      streams = [];
      while (streams.length === 0) {
        await clock.advance(500);
        while (transport.waiting > 0) {
          const request = transport.next();
          if (request.url.includes('/stream')) streams.push(request);
          else request.json({ events: [], cursor: 'c', more: false });
        }
      }
      waits.push((clock.now() - failedAt) / 1_000);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30]);
  });

  it('takes up to a half off at random', async () => {
    create({ random: () => 0.999_99 });
    client.connect();
    await settle();
    transport.next().fail();
    await settle();
    expect(client.status).toEqual({ state: 'connecting', retryAt: clock.now() + 500 });
  });

  it('begins the backoff anew only after 10 s live', async () => {
    client.connect();
    (await goLive()).end();
    const second = (await nextAttemptAfter(1_000)).stream();
    second.hello();
    await clock.advance(9_999);
    second.end();
    const third = (await nextAttemptAfter(2_000)).stream();
    third.hello();
    await clock.advance(10_000);
    third.end();
    await nextAttemptAfter(1_000);
  });

  it('takes 60 s of silence for a dead connection, and any byte for life', async () => {
    client.connect();
    const stream = await goLive();
    await clock.advance(59_000);
    stream.write(': keep-alive\n\n');
    await clock.advance(59_999);
    expect(client.status.state).toBe('live');
    await clock.advance(1);
    expect(client.status.state).toBe('connecting');
    await nextAttemptAfter(1_000);
  });

  it('stops at 401 until connect is called again', async () => {
    client.connect();
    await settle();
    transport.next().json({}, 401);
    await clock.advance(3_600_000);
    expect(client.status.state).toBe('unauthorized');
    expect(transport.requests).toHaveLength(1);
    expect(client.connect()).toBe(true);
    await goLive();
  });

  it.each([429, 503])('honours Retry-After of %i', async (status) => {
    client.connect();
    await settle();
    transport.next().json({}, status, { 'Retry-After': '17' });
    await nextAttemptAfter(17_000);
  });

  it('honours Retry-After as a date', async () => {
    client.connect();
    await settle();
    const date = new Date(clock.now() + 40_000).toUTCString();
    transport.next().json({}, 503, { 'Retry-After': date });
    await nextAttemptAfter(40_000);
  });

  it('comes back after a drain when the server said', async () => {
    client.connect();
    const stream = await goLive();
    await clock.advance(10_000);
    stream.write('retry: 3700\n');
    stream.frame('bye', { reason: 'drain' });
    await settle();
    await nextAttemptAfter(3_700);
  });

  it('comes back at once when the session ended, and learns that it did', async () => {
    client.connect();
    const stream = await goLive();
    await clock.advance(10_000);
    stream.frame('bye', { reason: 'session' });
    await clock.advance(0);
    transport.next().json({}, 401);
    await settle();
    expect(client.status.state).toBe('unauthorized');
  });

  it('does not spin when the server says goodbye again and again', async () => {
    client.connect();
    (await goLive()).frame('bye', { reason: 'session' });
    await clock.advance(0);
    const second = transport.next().stream();
    second.hello();
    second.frame('bye', { reason: 'session' });
    await settle();
    await nextAttemptAfter(2_000);
  });

  it('goes on from its cursor after disconnect and connect', async () => {
    client.connect();
    const stream = await goLive();
    stream.activity('1', 'c1');
    await settle();
    client.disconnect();
    expect(client.status.state).toBe('closed');
    client.connect();
    await settle();
    expect(transport.next().headers.get('Last-Event-ID')).toBe('c1');
  });
});

describe('polling', () => {
  /** Live once, then cut off, and three reconnections fail. */
  async function untilPolling(): Promise<void> {
    client.connect();
    (await goLive('c0')).break();
    for (const wait of [1_000, 2_000, 4_000]) {
      (await nextAttemptAfter(wait)).fail();
      await settle();
    }
  }

  it('begins after three failed reconnections and repeats every 30 s', async () => {
    await untilPolling();
    expect(client.status.state).toBe('polling');
    const first = transport.next();
    expect(first.url).toBe('/api/activity?cursor=c0&topics=activity%2Cnotification');
    first.json({ events: [activity('1')], cursor: 'c1', more: true });
    await settle();
    const second = transport.next();
    expect(second.url).toContain('cursor=c1');
    second.json({ events: [activity('2')], cursor: 'c2', more: false });
    await settle();
    expect(received).toEqual(['1', '2']);
    expect(client.cursor).toBe('c2');

    (await nextAttemptAfter(8_000)).fail();
    (await nextAttemptAfter(16_000)).fail();
    await clock.advance(5_999);
    expect(transport.waiting).toBe(0);
    await clock.advance(1);
    expect(transport.next().url).toContain('cursor=c2');
  });

  it('ends when a stream gets through, and what both bring is not doubled', async () => {
    await untilPolling();
    const pending = transport.next();
    pending.json({ events: [activity('1')], cursor: 'c1', more: false });
    await settle();
    const stream = (await nextAttemptAfter(8_000)).stream();
    stream.hello('c0');
    stream.activity('1', 'c1');
    stream.activity('2', 'c2');
    await settle();
    expect(received).toEqual(['1', '2']);
    expect(states).toEqual(['connecting', 'live', 'connecting', 'polling', 'live']);
    await clock.advance(45_000);
    expect(transport.waiting).toBe(0);
  });

  it('brings again what a listener that disconnected kept from being delivered', async () => {
    await untilPolling();
    const stop = client.subscribe('activity:new', () => client.disconnect());
    const events = [activity('1'), activity('2')];
    transport.next().json({ events, cursor: 'c2', more: false });
    await settle();
    expect(received).toEqual(['1']);
    stop();
    client.connect();
    await settle();
    const request = transport.next();
    expect(request.headers.get('Last-Event-ID')).toBe('c0');
    const stream = request.stream();
    stream.hello('c0');
    stream.activity('1', 'c1');
    stream.activity('2', 'c2');
    await settle();
    expect(received).toEqual(['1', '2']);
  });

  it('leaves the place alone that a listener has it go on from', async () => {
    await untilPolling();
    client.subscribe('activity:new', () => {
      client.disconnect();
      client.connect({ cursor: 'c7' });
    });
    transport.next().json({ events: [activity('1')], cursor: 'c1', more: false });
    await settle();
    expect(client.cursor).toBe('c7');
  });

  it('says offline while polls fail too', async () => {
    await untilPolling();
    transport.next().fail();
    await settle();
    expect(client.status.state).toBe('offline');
  });

  it('honours Retry-After', async () => {
    await untilPolling();
    transport.next().json({}, 429, { 'Retry-After': '100' });
    await settle();
    const polls = () => transport.requests.filter(({ url }) => !url.includes('/stream')).length;
    await clock.advance(99_999);
    expect(polls()).toBe(1);
    await clock.advance(1);
    expect(polls()).toBe(2);
  });

  it('stops at 401', async () => {
    await untilPolling();
    transport.next().json({}, 401);
    await clock.advance(3_600_000);
    expect(client.status.state).toBe('unauthorized');
    expect(transport.waiting).toBe(0);
  });

  it('passes a reset on', async () => {
    await untilPolling();
    const cursors: (string | null)[] = [];
    client.onReset(() => cursors.push(client.cursor));
    transport.next().json({ events: [], cursor: 'c9', more: false, reset: { reason: 'epoch' } });
    await settle();
    expect(resets).toEqual(['epoch']);
    expect(cursors).toEqual(['c9']);
  });

  it('without a cursor only asks where to begin', async () => {
    client.connect();
    await settle();
    transport.next().fail();
    await settle();
    for (const wait of [1_000, 2_000, 4_000]) {
      (await nextAttemptAfter(wait)).fail();
      await settle();
    }
    const first = transport.next();
    expect(first.url).toBe('/api/activity?limit=1');
    first.json({ events: [activity('1')], cursor: 'c1', before: null });
    await settle();
    expect(received).toEqual([]);
    expect(client.cursor).toBe('c1');
  });
});

describe('somebody else who has logged in', () => {
  const eve = { tenant: 'acme', user: 'eve' };

  async function untilStopped(): Promise<void> {
    client.connect();
    (await goLive()).break();
    (await nextAttemptAfter(1_000)).stream().frame('hello', eve, 'e1');
    await settle();
    expect(client.status).toEqual({ state: 'unauthorized', reason: 'identity' });
    expect(client.cursor).toBeNull();
  }

  it.each([{}, { cursor: 'e1' }])(
    'has all that was shown loaded anew, after connect(%o)',
    async (options) => {
      await untilStopped();
      client.connect(options);
      await settle();
      expect(resets).toEqual([]);
      transport.next().stream().frame('hello', eve, 'e2');
      await settle();
      expect(client.status.state).toBe('live');
      expect(resets).toEqual(['invalid']);
    },
  );
});

describe('reset', () => {
  it('is passed on, and the stream goes on', async () => {
    client.connect();
    const stream = await goLive();
    stream.frame('reset', { reason: 'expired' });
    stream.activity('1', 'c1');
    await settle();
    expect(resets).toEqual(['expired']);
    expect(received).toEqual(['1']);
    expect(client.status.state).toBe('live');
  });

  it('to another history lets its ids count as new', async () => {
    client.connect();
    const stream = await goLive();
    stream.activity('1');
    stream.frame('reset', { reason: 'epoch' });
    stream.activity('1');
    await settle();
    expect(received).toEqual(['1', '1']);
  });

  it('follows a refused cursor, once there is a new one', async () => {
    client.connect({ cursor: 'nonsense' });
    await settle();
    transport.next().json({ title: 'Bad cursor', field: 'cursor' }, 400);
    await settle();
    expect(resets).toEqual([]);
    const request = await nextAttemptAfter(1_000);
    expect(request.headers.has('Last-Event-ID')).toBe(false);
    request.stream().hello('c5');
    await settle();
    expect(resets).toEqual(['invalid']);
    expect(client.cursor).toBe('c5');
  });

  it('is told to nobody who has disconnected on hearing that it is live, but after the next connect', async () => {
    client.connect({ cursor: 'nonsense' });
    await settle();
    transport.next().json({ title: 'Bad cursor', field: 'cursor' }, 400);
    const stop = client.onStatus(({ state }) => {
      if (state === 'live') client.disconnect();
    });
    (await nextAttemptAfter(1_000)).stream().hello('c5');
    await settle();
    expect(client.status.state).toBe('closed');
    expect(resets).toEqual([]);
    stop();
    client.connect();
    await goLive('c5');
    expect(resets).toEqual(['invalid']);
  });

  it('in a poll is told once to who disconnects on it', async () => {
    client = new PollingClient({ fetch: transport.fetch, clock, random: () => 0 });
    client.onReset((reason) => {
      resets.push(reason);
      client.disconnect();
    });
    client.connect({ cursor: 'nonsense' });
    await settle();
    transport.next().json({ title: 'Bad cursor', field: 'cursor' }, 400);
    const request = await nextAttemptAfter(1_000);
    request.json({ events: [], cursor: 'c5', more: false, reset: { reason: 'expired' } });
    await settle();
    expect(resets).toEqual(['invalid']);
  });
});
