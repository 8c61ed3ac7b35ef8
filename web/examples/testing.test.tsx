// @vitest-environment jsdom
import { RestApi, SSEClient } from '@pgfeed/client';
import {
  activity,
  FakeClient,
  ManualClock,
  ScriptedTransport,
  settle,
} from '@pgfeed/client/testing';
import { PgfeedProvider, useConnectionStatus } from '@pgfeed/react';
import { act, render, screen } from '@testing-library/react';
import { expect, it } from 'vitest';

function Greeting() {
  const status = useConnectionStatus();
  return <p>{status.state === 'live' ? `Hello, ${status.identity.user}` : 'One moment …'}</p>;
}

it('tests a component with a client that does as it is told', () => {
  const client = new FakeClient({ identity: { tenant: 'acme', user: 'ada' } });
  render(
    <PgfeedProvider client={client} api={new RestApi()}>
      <Greeting />
    </PgfeedProvider>,
  );
  expect(screen.getByText('One moment …')).toBeTruthy();
  act(() => void client.connect());
  expect(screen.getByText('Hello, ada')).toBeTruthy();
  act(() => client.show({ state: 'polling', retryAt: null, pollAt: null, notice: null }));
  expect(screen.getByText('One moment …')).toBeTruthy();
});

it('tests what depends on the network, with a scripted one and without waiting', async () => {
  const transport = new ScriptedTransport();
  const clock = new ManualClock();
  const client = new SSEClient({ fetch: transport.fetch, clock, random: () => 0 });
  const got: string[] = [];
  client.subscribe('activity:new', ({ id }) => got.push(id));
  client.connect();
  await settle();
  const first = transport.next().stream();
  first.hello('cursor 0');
  first.activity('1', 'cursor 1');
  await settle();
  first.break();
  await clock.advance(1_000);
  const request = transport.next();
  expect(request.headers.get('Last-Event-ID')).toBe('cursor 1');
  const second = request.stream();
  second.hello('cursor 1');
  second.frame('activity:new', activity('1'));
  second.activity('2', 'cursor 2');
  await settle();
  expect(got).toEqual(['1', '2']);
  client.disconnect();
});
