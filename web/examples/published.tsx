// Runs the packages as they are published, in Node without any bundler.
import { RestApi, SSEClient } from '@pgfeed/client';
import {
  conformance,
  FakeClient,
  FakeGateway,
  ManualClock,
  ManualPage,
} from '@pgfeed/client/testing';
import { ActivityFeed, PgfeedProvider } from '@pgfeed/react';
import { renderToString } from 'react-dom/server';

for (const { name, run } of conformance) {
  const gateway = new FakeGateway();
  const clock = new ManualClock();
  const client = new SSEClient({
    fetch: gateway.fetch,
    clock,
    random: () => 0,
    page: new ManualPage(),
  });
  await run({
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
  }).catch((error: unknown) => {
    throw new Error(`the published client fails “${name}”`, { cause: error });
  });
  client.disconnect();
}

const html = renderToString(
  <PgfeedProvider client={new FakeClient()} api={new RestApi()}>
    <ActivityFeed />
  </PgfeedProvider>,
);
if (!html.includes('aria-busy="true"')) throw new Error(`the feed isn't loading: ${html}`);
console.log(
  `The published client passes ${conformance.length} cases; the feed renders on a server.`,
);
