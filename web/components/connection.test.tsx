// @vitest-environment jsdom
import { act, cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ActivityFeed } from './activity-feed.js';
import { ConnectionNotice } from './connection-notice.js';
import { ConnectionStatus } from './connection-status.js';
import { TestWorld } from './test-world.js';

let world: TestWorld;

beforeEach(() => {
  world = new TestWorld();
});

afterEach(cleanup);

const indicator = () => screen.getByRole('button');
const notice = () => screen.getByRole('status');

async function live() {
  world.render(
    <>
      <ConnectionStatus />
      <ConnectionNotice />
    </>,
  );
  act(() => void world.client.connect());
  return world.open();
}

/** Lets attempts fail until it polls, and gives the poll. */
async function toPolling() {
  for (const pause of [1_000, 2_000, 4_000]) {
    await world.advance(pause);
    world.next('/api/activity/stream').fail();
    await world.step();
  }
  return world.next('/api/activity?');
}

const tooltip = () => screen.getByRole('tooltip').textContent;

describe('ConnectionStatus', () => {
  it('is connecting, then live', async () => {
    world.render(<ConnectionStatus />);
    expect(indicator().textContent).toBe('Connecting…');
    act(() => void world.client.connect());
    expect(indicator().textContent).toBe('Connecting…');
    await world.open();
    expect(indicator().textContent).toBe('Live');
  });

  it('says that nothing is connected only when nothing starts it', async () => {
    world.render(<ConnectionStatus />);
    await world.advance(2_000);
    expect(indicator().textContent).toBe('Not connected');
  });

  it('is connecting for as long as the first load takes, and closed once it is given up', async () => {
    const { rerender } = world.render([
      <ConnectionStatus key="status" />,
      <ActivityFeed key="feed" />,
    ]);
    const text = () => document.querySelector('.pgfeed-status')?.textContent;
    await world.advance(9_000);
    expect(text()).toBe('Connecting…');
    rerender(world.wrap(<ConnectionStatus key="status" />));
    await world.advance(2_000);
    expect(text()).toBe('Not connected');
  });

  it('is closed once the page has disconnected', async () => {
    await live();
    act(() => world.client.disconnect());
    await world.advance(2_000);
    expect(indicator().textContent).toBe('Not connected');
  });

  it('does not flicker when the connection is back after a second', async () => {
    const stream = await live();
    stream.break();
    await world.step();
    expect(world.client.status.state).toBe('connecting');
    expect(indicator().textContent).toBe('Live');
    await world.advance(1_000);
    await world.open();
    await world.advance(10_000);
    expect(indicator().textContent).toBe('Live');
  });

  it('shows a cut that lasts, then polling, then offline, each with a shape of its own', async () => {
    const stream = await live();
    const shapes = [indicator().querySelector('svg')?.innerHTML];
    const see = (text: string) => {
      expect(indicator().textContent).toBe(text);
      const shape = indicator().querySelector('svg')?.innerHTML;
      expect(shapes).not.toContain(shape);
      shapes.push(shape);
    };
    stream.break();
    await world.step();
    await world.advance(1_000);
    world.next('/api/activity/stream').fail();
    await world.advance(1_000);
    see('Connecting…');
    await world.advance(1_000);
    world.next('/api/activity/stream').fail();
    await world.advance(4_000);
    world.next('/api/activity/stream').fail();
    await world.step();
    const poll = world.next('/api/activity?');
    poll.json({ events: [], cursor: 'c', more: false });
    await world.step();
    see('Polling');
    await world.advance(30_000);
    for (const request of world.transport.requests.slice(-2)) request.fail();
    await world.step();
    see('Offline');
  });

  it('explains itself in a tooltip that the keyboard reaches, with the time of the next attempt', async () => {
    const stream = await live();
    act(() => indicator().focus());
    expect(tooltip()).toBe('Updates arrive as they happen.');
    fireEvent.keyDown(indicator(), { key: 'Escape' });
    expect(screen.queryByRole('tooltip')).toBeNull();

    stream.break();
    await world.step();
    (await toPolling()).json({ events: [], cursor: 'c', more: false });
    await world.step();
    fireEvent.click(indicator());
    expect(tooltip()).toContain('news is fetched now and then. Next check in 30 seconds.');
    expect(tooltip()).toContain('Trying again in 8 seconds.');
    await world.advance(3_000);
    expect(tooltip()).toContain('Trying again in 5 seconds.');
  });
});

describe('ConnectionNotice', () => {
  it('is there from the start, and says when real-time updates are unavailable', async () => {
    const stream = await live();
    const region = notice();
    expect(region.textContent).toBe('');
    stream.break();
    await world.step();
    (await toPolling()).json({ events: [], cursor: 'c', more: false });
    await world.step();
    expect(notice()).toBe(region);
    expect(region.textContent).toBe('Real-time updates unavailable, using polling');
    await world.advance(8_000);
    await world.open();
    expect(region.textContent).toBe('Live again');
  });

  it('says that it is live again only after it said that it was not', async () => {
    const stream = await live();
    stream.break();
    await world.step();
    (await toPolling()).json({ events: [], cursor: 'c', more: false });
    await world.step();
    await world.advance(8_000);
    const next = await world.open();
    expect(notice().textContent).toBe('Live again');
    await world.advance(10_000);

    next.break();
    await world.step();
    await world.advance(1_000);
    world.next('/api/activity/stream').fail();
    await world.advance(2_000);
    expect(indicator().textContent).toBe('Connecting…');
    await world.open();
    expect(indicator().textContent).toBe('Live');
    expect(notice().textContent).toBe('');
  });

  it('says when it is offline, with a countdown that is not announced', async () => {
    const stream = await live();
    stream.break();
    await world.step();
    (await toPolling()).fail();
    await world.step();
    expect(notice().textContent).toBe('You are offline. What is shown may be out of date.');
    expect(screen.getByText('Trying again in 8 seconds.').closest('[role=status]')).toBeNull();
  });

  it('says when the session has ended', async () => {
    const stream = await live();
    stream.frame('bye', { reason: 'session' });
    stream.end();
    await world.step();
    await world.advance(1_000);
    await world.answer('/api/activity/stream', {}, 401);
    expect(notice().textContent).toContain('Your session has ended.');
  });
});
