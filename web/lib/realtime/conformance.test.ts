import { afterEach, beforeEach, describe, it } from 'vitest';
import type { RealtimeClient } from './client.js';
import type { ClientOptions } from './options.js';
import { PollingClient } from './polling-client.js';
import { SharedClient, type SharedClientOptions } from './shared-client.js';
import { SSEClient } from './sse-client.js';
import {
  conformance,
  type ConformanceSubject,
  FakeBrowser,
  FakeClient,
  FakeGateway,
  type FakeTab,
  ManualClock,
  ManualPage,
} from './testing/index.js';

let clock: ManualClock;
let stops: (() => void)[];

beforeEach(() => {
  clock = new ManualClock();
  stops = [];
});
afterEach(() => stops.forEach((stop) => stop()));

/** A client that fetches, at a gateway in memory. */
function fetching(make: (options: ClientOptions) => RealtimeClient): ConformanceSubject {
  const gateway = new FakeGateway();
  const client = make({
    fetch: gateway.fetch,
    clock,
    random: () => 0,
    page: new ManualPage(),
  });
  stops.push(() => client.disconnect());
  return {
    client,
    server: {
      get cursor() {
        return gateway.cursor;
      },
      publish: (...events) => gateway.publish(...events),
      repeat: (event) => gateway.repeat(event),
      reset: (reason) => gateway.reset(reason),
      cut: () => gateway.cut(),
      setSession: (isValid) => {
        gateway.refusal = isValid ? null : { status: 401 };
      },
    },
    pass: () => clock.advance(31_000),
  };
}

function inThe(tab: FakeTab, options: ClientOptions): SharedClientOptions {
  const { fetch } = options;
  return {
    ...options,
    ...(fetch ? { fetch: tab.fetch(fetch) } : {}),
    page: tab.page,
    tabs: tab,
    clock: tab.clock,
  };
}

function inTab(follows: boolean) {
  return (options: ClientOptions): RealtimeClient => {
    const browser = new FakeBrowser(clock);
    if (follows) {
      const tab = browser.openTab();
      // What keeps the connection when the test's client only follows; it comes back as the gateway lets it.
      const leader = new SharedClient(inThe(tab, options));
      leader.connect();
      leader.onStatus(({ state }) => {
        if (state === 'unauthorized') clock.after(60_000, () => leader.connect());
      });
      stops.push(() => leader.disconnect());
    }
    const tab = browser.openTab();
    return new SharedClient(inThe(tab, options));
  };
}

function inMemory(): ConformanceSubject {
  const client = new FakeClient({ clock });
  let published = 0;
  let isValid = true;
  return {
    client,
    server: {
      get cursor() {
        return `c${published}`;
      },
      publish: (...events) => {
        published += events.length;
        client.publish(...events);
      },
      repeat: (event) => client.repeat(event),
      reset: (reason) => client.reset(reason),
      cut: () => client.show({ state: 'connecting', retryAt: null }),
      setSession: (valid) => {
        isValid = valid;
      },
    },
    async pass() {
      if (client.status.state !== 'connecting') return;
      if (isValid) client.goLive();
      else client.show({ state: 'unauthorized', reason: 'session' });
    },
  };
}

const subjects: Record<string, () => ConformanceSubject> = {
  SSEClient: () => fetching((options) => new SSEClient(options)),
  PollingClient: () => fetching((options) => new PollingClient(options)),
  'SharedClient without other tabs': () =>
    fetching((options) => new SharedClient({ ...options, tabs: null })),
  'SharedClient that leads': () => fetching(inTab(false)),
  'SharedClient that follows': () => fetching(inTab(true)),
  'SharedClient over polls': () =>
    fetching(
      (options) =>
        new SharedClient({ ...options, tabs: null, create: (inner) => new PollingClient(inner) }),
    ),
  FakeClient: inMemory,
};

describe.each(Object.entries(subjects))('%s', (_, makeSubject) => {
  it.each(conformance.map(({ name, run }) => [name, run] as const))('%s', async (_name, run) => {
    await run(makeSubject());
  });
});
