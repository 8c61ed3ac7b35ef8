// @vitest-environment jsdom
import { act, cleanup, render, screen } from '@testing-library/react';
import { StrictMode } from 'react';
import { hydrateRoot } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { activity } from '@pgfeed/client/testing';
import { ActivityBadge } from './activity-badge.js';
import { ActivityFeed } from './activity-feed.js';
import { ConnectionStatus } from './connection-status.js';
import { initialsOf } from './avatar.js';
import { countText } from './count.js';
import { plural } from './messages.js';
import { german } from './messages-de.js';
import { NotificationBell } from './notification-bell.js';
import { RelativeTime } from './relative-time.js';
import { TestWorld } from './test-world.js';

let world: TestWorld;

beforeEach(() => {
  world = new TestWorld();
});

afterEach(cleanup);

const everything = () =>
  world.wrap(
    <>
      <ConnectionStatus />
      <ActivityBadge />
      <NotificationBell />
      <ActivityFeed />
      <RelativeTime dateTime="2026-01-01T00:00:00Z" />
    </>,
  );

it('renders on a server, and is taken over without a warning', async () => {
  const html = renderToString(everything());
  expect(html).toContain('Loading activities…');
  // The reader's time zone and the time of reading are unknown there.
  expect(html).toContain('>2026-01-01</time>');
  expect(world.transport.requests).toEqual([]);
  expect(world.clock.pending).toBe(0);

  const warnings = vi.spyOn(console, 'error').mockImplementation(() => {});
  const container = document.createElement('div');
  document.body.append(container);
  container.innerHTML = html;
  const recovered: unknown[] = [];
  const root = await act(async () =>
    hydrateRoot(container, everything(), { onRecoverableError: (error) => recovered.push(error) }),
  );
  await world.step();
  expect(recovered).toEqual([]);
  expect(warnings).not.toHaveBeenCalled();
  expect(screen.getByText('now')).toBeTruthy();
  act(() => root.unmount());
  container.remove();
});

it('does everything once under StrictMode, and leaves nothing behind', async () => {
  const added = vi.spyOn(document, 'addEventListener');
  const removed = vi.spyOn(document, 'removeEventListener');
  const { unmount } = render(<StrictMode>{everything()}</StrictMode>);
  await world.step();
  const urls = world.transport.requests.map(({ url }) => url);
  expect(urls.filter((url) => url.startsWith('/api/activity?'))).toHaveLength(1);
  expect(urls.filter((url) => url.startsWith('/api/notifications?'))).toHaveLength(1);
  for (const request of world.transport.requests) {
    if (request.url.startsWith('/api/activity?')) {
      request.json({ events: [activity('1')], cursor: 'c', before: null });
    }
  }
  await world.step();
  const streams = world.transport.requests.filter(({ url }) => url.includes('/stream'));
  expect(streams).toHaveLength(1);

  unmount();
  await world.step();
  expect(world.client.status.state).toBe('closed');
  expect(streams[0]?.signal?.aborted).toBe(true);
  expect(world.clock.pending).toBe(0);
  const visibility = (calls: readonly (readonly unknown[])[]) =>
    calls.filter(([type, , options]) => type === 'visibilitychange' && !isOver(options)).length;
  expect(visibility(removed.mock.calls)).toBe(visibility(added.mock.calls));
});

/** Whether a listener was added with a signal that has taken it away. */
function isOver(options: unknown): boolean {
  return (options as AddEventListenerOptions | undefined)?.signal?.aborted === true;
}

it('says what is missing where there is no provider', () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  expect(() => render(<ActivityFeed />)).toThrow('<PgfeedProvider>');
});

it('speaks another language, with its plurals', async () => {
  world.render(
    <>
      <ConnectionStatus />
      <ActivityFeed />
    </>,
    { messages: german },
  );
  expect(screen.getByRole('button').textContent).toBe('Verbinden …');
  expect(screen.getByRole('feed', { name: 'Aktivitäten' })).toBeTruthy();
  const forms = { one: '# eins', two: '# zwei', few: '# wenige', many: '# viele', other: '# mehr' };
  expect([1, 2, 5, 20, 100].map((count) => plural('ar-u-nu-latn', count, forms))).toEqual([
    '1 eins',
    '2 zwei',
    '5 wenige',
    '20 viele',
    '100 mehr',
  ]);
});

it.each([
  [0, false, '0'],
  [99, false, '99'],
  [100, false, '99+'],
  [50, true, '50+'],
])('writes the count %d (more: %s) as %s', (count, more, text) => {
  expect(countText(count, more, 'en')).toBe(text);
});

it.each([
  ['Ada Lovelace', 'AL'],
  ['octocat', 'O'],
  ['', '?'],
  ['👩‍🚀 mission', '👩‍🚀M'],
])('makes initials of %s: %s', (name, initials) => {
  expect(initialsOf(name)).toBe(initials);
});
