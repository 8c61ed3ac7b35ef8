// @vitest-environment jsdom
import { act, cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { StrictMode } from 'react';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RestApi, SSEClient } from '../lib/realtime';
import { ManualClock, settle } from '../lib/realtime/testing/manual-clock';
import { activity, ScriptedTransport } from '../lib/realtime/testing/scripted-transport';
import { ActivityFeed } from './activity-feed';
import { ConnectionStatus } from './connection-status';
import { NotificationList } from './notification-list';

let clock: ManualClock;
let transport: ScriptedTransport;
let client: SSEClient;
let api: RestApi;

beforeEach(() => {
  clock = new ManualClock();
  transport = new ScriptedTransport();
  client = new SSEClient({ fetch: transport.fetch, clock, random: () => 0 });
  api = new RestApi({ fetch: transport.fetch });
});

afterEach(() => {
  cleanup();
  client.disconnect();
});

const step = () => act(settle);

function shown(): (string | null)[] {
  return within(screen.getByRole('feed', { name: 'Activity' }))
    .queryAllByRole('article')
    .map((article) => article.querySelector('.pgfeed-item-text')?.textContent ?? null);
}

function notification(id: string, readAt: string | null = null) {
  return { id, type: 'info', category: 'task_assigned', title: `Task ${id}`, body: '', readAt };
}

describe('ActivityFeed', () => {
  it('loads history, goes on live from its cursor, and puts new ones on top', async () => {
    render(<ActivityFeed client={client} api={api} />);
    expect(screen.getByText('Loading activities…')).toBeTruthy();
    await step();
    transport.next().json({ events: [activity('2'), activity('1')], cursor: 'c2', before: null });
    await step();
    expect(shown()).toEqual(['did 2', 'did 1']);

    const request = transport.next();
    expect(request.headers.get('Last-Event-ID')).toBe('c2');
    const stream = request.stream();
    stream.hello('c2');
    stream.activity('2');
    stream.activity('3', 'c3');
    await step();
    expect(shown()).toEqual(['did 3', 'did 2', 'did 1']);
    expect(screen.getAllByRole('article')[0]?.querySelector('time')?.dateTime).toBe(
      '2026-01-01T00:00:00Z',
    );
  });

  it('shows text as text', async () => {
    const { container } = render(<ActivityFeed client={client} api={api} />);
    await step();
    const text = '<img src=x onerror=alert(1)>';
    transport.next().json({ events: [activity('1', text)], cursor: 'c', before: null });
    await step();
    expect(shown()).toEqual([text]);
    expect(container.querySelector('img')).toBeNull();
  });

  it('says that there is nothing yet', async () => {
    render(<ActivityFeed client={client} api={api} />);
    await step();
    transport.next().json({ events: [], cursor: 'c', before: null });
    await step();
    expect(screen.getByText(/No activity yet/)).toBeTruthy();
  });

  it('says what went wrong, and loads again by hand', async () => {
    render(<ActivityFeed client={client} api={api} />);
    await step();
    transport.next().json({ title: 'Unavailable', detail: 'The database is away.' }, 503);
    await step();
    expect(screen.getByRole('alert').textContent).toContain('The database is away.');
    transport.next().fail();
    await step();
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await step();
    transport.next().json({ events: [activity('1')], cursor: 'c', before: null });
    await step();
    expect(screen.queryByRole('alert')).toBeNull();
    expect(shown()).toEqual(['did 1']);
  });

  it('loads again by itself when the connection comes after a failure', async () => {
    render(<ActivityFeed client={client} api={api} />);
    await step();
    transport.next().fail();
    await step();
    transport.next().stream().hello('c9');
    await step();
    transport.next().json({ events: [activity('1')], cursor: 'c9', before: null });
    await step();
    expect(shown()).toEqual(['did 1']);
  });

  it('loads older ones below', async () => {
    render(<ActivityFeed client={client} api={api} />);
    await step();
    transport.next().json({ events: [activity('3')], cursor: 'c', before: '3' });
    await step();
    transport.next();
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await step();
    const request = transport.next();
    expect(request.url).toContain('before=3');
    request.json({ events: [activity('2'), activity('1')], cursor: 'c', before: null });
    await step();
    expect(shown()).toEqual(['did 3', 'did 2', 'did 1']);
    expect(screen.queryByRole('button', { name: 'Show older' })).toBeNull();
  });

  it('reloads after a reset and keeps what arrives meanwhile', async () => {
    render(<ActivityFeed client={client} api={api} />);
    await step();
    transport.next().json({ events: [activity('1')], cursor: 'c1', before: null });
    await step();
    const stream = transport.next().stream();
    stream.hello('c1');
    stream.frame('reset', { reason: 'expired' });
    stream.activity('9', 'c9');
    await step();
    transport.next().json({ events: [activity('8'), activity('1')], cursor: 'c8', before: null });
    await step();
    expect(shown()).toEqual(['did 9', 'did 8', 'did 1']);
  });

  it('loads once more when it was asked for before a client began elsewhere', async () => {
    render(<ActivityFeed client={client} api={api} />);
    await step();
    client.connect({ cursor: 'later' });
    await step();
    transport.next().json({ events: [activity('1')], cursor: 'earlier', before: null });
    await step();
    transport.next().stream().hello('later');
    await step();
    transport
      .next()
      .json({ events: [activity('2'), activity('1')], cursor: 'later', before: null });
    await step();
    expect(shown()).toEqual(['did 2', 'did 1']);
    expect(transport.waiting).toBe(0);
  });

  it('moves between items with PageDown and PageUp', async () => {
    render(<ActivityFeed client={client} api={api} />);
    await step();
    transport.next().json({ events: [activity('2'), activity('1')], cursor: 'c', before: null });
    await step();
    const [first, second] = screen.getAllByRole('article');
    first?.focus();
    fireEvent.keyDown(first as Element, { key: 'PageDown' });
    expect(document.activeElement).toBe(second);
    fireEvent.keyDown(second as Element, { key: 'PageUp' });
    expect(document.activeElement).toBe(first);
  });

  it('shows nothing twice under StrictMode', async () => {
    render(
      <StrictMode>
        <ActivityFeed client={client} api={api} />
      </StrictMode>,
    );
    await step();
    // The first of the two mounts gave up before it asked.
    transport.next().json({ events: [], cursor: 'c', before: null });
    await step();
    const stream = transport.next().stream();
    stream.hello();
    stream.activity('1');
    await step();
    expect(shown()).toEqual(['did 1']);
    expect(transport.waiting).toBe(0);
  });
});

describe('ConnectionStatus', () => {
  it('says the state in words', async () => {
    render(<ConnectionStatus client={client} />);
    const status = screen.getByRole('status');
    act(() => void client.connect());
    expect(status.textContent).toBe('Connecting…');
    await step();
    transport.next().stream().hello();
    await step();
    expect(status.textContent).toBe('Live');
    expect(status.title).toBe('Updates arrive as they happen.');
  });
});

describe('NotificationList', () => {
  async function loaded() {
    render(<NotificationList client={client} api={api} />);
    await step();
    const page = [notification('2'), notification('1', '2026-01-01T00:00:00Z')];
    transport.next().json({ notifications: page, unread: 7, cursor: 'c', before: null });
    await step();
    const stream = transport.next().stream();
    stream.hello('c');
    await step();
    return stream;
  }

  it('lists, and counts as the server does', async () => {
    await loaded();
    expect(screen.getAllByRole('listitem')).toHaveLength(2);
    expect(screen.getByText('7 unread')).toBeTruthy();
  });

  it('marks one as read', async () => {
    await loaded();
    fireEvent.click(screen.getByRole('button', { name: 'Mark read: Task 2' }));
    await step();
    const request = transport.next();
    expect([request.method, request.url]).toEqual(['POST', '/api/notifications/2/read']);
    request.json({ notification: notification('2', '2026-01-01T00:00:01Z'), unread: 6 });
    await step();
    expect(screen.queryByRole('button', { name: /Mark read/ })).toBeNull();
    expect(screen.getByText('6 unread')).toBeTruthy();
  });

  it('marks all as read', async () => {
    await loaded();
    fireEvent.click(screen.getByRole('button', { name: 'Mark all read' }));
    await step();
    transport.next().json({ updated: 7, unread: 0 });
    await step();
    expect(screen.getByText('0 unread')).toBeTruthy();
  });

  it('says when marking failed, and changes nothing', async () => {
    await loaded();
    fireEvent.click(screen.getByRole('button', { name: 'Mark read: Task 2' }));
    await step();
    transport.next().json({ title: 'Not found' }, 404);
    await step();
    expect(screen.getByRole('alert').textContent).toContain('Not found');
    expect(screen.getByText('7 unread')).toBeTruthy();
  });

  it('takes new and read ones from the stream, and asks the server for the count', async () => {
    const stream = await loaded();
    const envelope = (event: string, row: { id: string }) => ({
      type: 'notification',
      event,
      id: row.id,
      data: row,
      timestamp: '2026-01-01T00:00:00Z',
    });
    stream.frame('notification:new', envelope('notification:new', notification('3')));
    stream.frame(
      'notification:read',
      envelope('notification:read', notification('2', '2026-01-01T00:00:01Z')),
    );
    await step();
    transport.next().json({ notifications: [], unread: 6, cursor: 'c', before: null });
    await step();
    transport.next().json({ notifications: [], unread: 7, cursor: 'c', before: null });
    await step();
    const texts = screen.getAllByRole('listitem').map((item) => item.dataset.read);
    expect(texts).toEqual(['false', 'true', 'true']);
    expect(screen.getByText('7 unread')).toBeTruthy();
    expect(transport.waiting).toBe(0);
  });
});
