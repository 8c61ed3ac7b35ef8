// @vitest-environment jsdom
import { act, cleanup, fireEvent, screen, within } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NotificationBell } from './notification-bell.js';
import { NotificationList } from './notification-list.js';
import { envelope, notification, TestWorld } from './test-world.js';

let world: TestWorld;

beforeEach(() => {
  world = new TestWorld();
});

afterEach(cleanup);

const page = (rows: readonly object[], unread: number, before: string | null = null) => ({
  notifications: rows,
  unread,
  cursor: 'c',
  before,
});

const read = { readAt: '2026-01-01T00:00:01Z' };

async function loaded(rows: readonly object[], unread: number, before: string | null = null) {
  world.render(<NotificationList />);
  await world.answer('/api/notifications?limit=30', page(rows, unread, before));
  return world.open();
}

const item = (title: string) => screen.getByRole('button', { name: new RegExp(title) });
const isUnread = (title: string) => item(title).textContent?.startsWith('Unread');
const said = (unread: number) => screen.queryByText(`${unread} unread`) !== null;

describe('NotificationList', () => {
  it('lists, and counts as the server does', async () => {
    await loaded([notification('2'), notification('1', read)], 7);
    expect([isUnread('Task 2'), isUnread('Task 1')]).toEqual([true, false]);
    expect(said(7)).toBe(true);
  });

  it('marks as read at once, and takes the count from the answer', async () => {
    await loaded([notification('2')], 7);
    fireEvent.click(item('Task 2'));
    expect(isUnread('Task 2')).toBe(false);
    expect(said(7)).toBe(true);
    await world.step();
    const request = world.next('/api/notifications/2/read');
    expect(request.method).toBe('POST');
    request.json({ notification: notification('2', read), unread: 5 });
    await world.step();
    expect(isUnread('Task 2')).toBe(false);
    expect(said(5)).toBe(true);
    // A second click has nothing to do.
    fireEvent.click(item('Task 2'));
    await world.step();
    expect(world.transport.waiting).toBe(0);
  });

  it('goes back, and says why, when the call fails', async () => {
    await loaded([notification('2')], 7);
    fireEvent.click(item('Task 2'));
    await world.answer('/api/notifications/2/read', { title: 'x', detail: 'No database.' }, 503);
    expect(isUnread('Task 2')).toBe(true);
    expect(said(7)).toBe(true);
    const alert = screen.getByRole('alert');
    expect(alert.textContent).toBe('“Task 2” could not be marked as read. No database.');
    act(() => screen.getByRole('button', { name: 'Dismiss' }).focus());
    fireEvent.click(screen.getByRole('button', { name: 'Dismiss' }));
    expect(alert.textContent).toBe('');
    expect(document.activeElement?.contains(item('Task 2'))).toBe(true);
    expect(document.activeElement).not.toBe(document.body);
  });

  it('believes the stream over a call whose answer was lost', async () => {
    const stream = await loaded([notification('2')], 7);
    fireEvent.click(item('Task 2'));
    await world.step();
    const request = world.next('/api/notifications/2/read');
    stream.frame('notification:read', envelope('notification:read', notification('2', read)));
    await world.answer('/api/notifications?limit=1', page([], 6));
    request.fail();
    await world.step();
    expect(isUnread('Task 2')).toBe(false);
    expect(screen.getByRole('alert').textContent).toBe('');
    expect(said(6)).toBe(true);
  });

  it('marks as read what was read elsewhere', async () => {
    const stream = await loaded([notification('2'), notification('1')], 2);
    stream.frame('notification:read', envelope('notification:read', notification('1', read)));
    await world.answer('/api/notifications?limit=1', page([], 1));
    expect([isUnread('Task 2'), isUnread('Task 1')]).toEqual([true, false]);
    expect(said(1)).toBe(true);
  });

  it('asks for the count once for many events, and again for what came meanwhile', async () => {
    const stream = await loaded([], 0);
    for (const id of ['1', '2', '3']) {
      stream.frame('notification:new', envelope('notification:new', notification(id)));
    }
    await world.step();
    const first = world.next('/api/notifications?limit=1');
    expect(world.transport.waiting).toBe(0);
    first.json(page([], 1));
    await world.step();
    await world.advance(250);
    await world.answer('/api/notifications?limit=1', page([], 3));
    expect(said(3)).toBe(true);
    expect(world.transport.waiting).toBe(0);
  });

  it('asks for the count again when that failed, but not where it is refused', async () => {
    const stream = await loaded([], 0);
    const arrive = (id: string) =>
      stream.frame('notification:new', envelope('notification:new', notification(id)));
    arrive('1');
    await world.answer('/api/notifications?limit=1', {}, 503);
    await world.advance(1_000);
    await world.answer('/api/notifications?limit=1', {}, 503, { 'Retry-After': '10' });
    await world.advance(9_999);
    expect(world.transport.waiting).toBe(0);
    await world.advance(1_001);
    await world.answer('/api/notifications?limit=1', page([], 1));
    expect(said(1)).toBe(true);

    await world.advance(250);
    arrive('2');
    await world.answer('/api/notifications?limit=1', {}, 403);
    await world.advance(40_000);
    expect(world.transport.waiting).toBe(0);
    arrive('3');
    await world.answer('/api/notifications?limit=1', page([], 3));
    expect(said(3)).toBe(true);
  });

  it('does not believe an answer that was overtaken', async () => {
    await loaded([notification('2'), notification('1')], 2);
    fireEvent.click(item('Task 2'));
    fireEvent.click(item('Task 1'));
    await world.step();
    const slow = world.next('/api/notifications/2/read');
    const fast = world.next('/api/notifications/1/read');
    fast.json({ notification: notification('1', read), unread: 0 });
    await world.step();
    slow.json({ notification: notification('2', read), unread: 1 });
    await world.step();
    expect(said(0)).toBe(true);
  });

  it('marks all as read at once, or goes back', async () => {
    await loaded([notification('2'), notification('1')], 7);
    const all = screen.getByRole('button', { name: 'Mark all read' });
    fireEvent.click(all);
    expect([isUnread('Task 2'), isUnread('Task 1')]).toEqual([false, false]);
    await world.answer('/api/notifications/read', { title: 'x', detail: 'Away.' }, 503);
    expect([isUnread('Task 2'), isUnread('Task 1')]).toEqual([true, true]);
    expect(screen.getByRole('alert').textContent).toContain('could not be marked as read. Away.');

    fireEvent.click(all);
    await world.answer('/api/notifications/read', { updated: 7, unread: 0 });
    expect([isUnread('Task 2'), isUnread('Task 1')]).toEqual([false, false]);
    expect(said(0)).toBe(true);
    expect(all.getAttribute('aria-disabled')).toBe('true');
  });

  it('keeps what is being marked through a reload of the list', async () => {
    const stream = await loaded([notification('2')], 1);
    fireEvent.click(item('Task 2'));
    await world.step();
    const request = world.next('/api/notifications/2/read');
    stream.frame('reset', { reason: 'expired' });
    await world.answer('/api/notifications?limit=30', page([notification('2')], 1));
    expect(isUnread('Task 2')).toBe(false);
    request.fail();
    await world.step();
    expect(isUnread('Task 2')).toBe(true);
  });

  it('loads again by itself when a reload failed, and older ones meanwhile', async () => {
    const stream = await loaded([notification('9')], 1, '9');
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.step();
    world.next('/api/notifications');
    stream.frame('reset', { reason: 'expired' });
    await world.answer('/api/notifications', { title: 'x', detail: 'Away.' }, 503);
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.answer('/api/notifications', page([notification('8')], 2));
    expect(item('Task 8')).toBeTruthy();
    act(() => screen.getByRole('button', { name: 'Try again' }).focus());
    await world.advance(1_000);
    await world.answer('/api/notifications', page([notification('10')], 3));
    expect(item('Task 10')).toBeTruthy();
    expect(document.activeElement?.className).toBe('pgfeed-panel-body');
    expect(screen.queryByText('Away.')).toBeNull();
  });

  it('says in place of the failure that the session has ended, and offers nothing', async () => {
    world.render(<NotificationList />);
    await world.answer('/api/notifications', page([notification('2')], 2, '2'));
    const stream = await world.open();
    stream.frame('reset', { reason: 'expired' });
    await world.answer('/api/notifications', { title: 'x', detail: 'No session.' }, 401);
    expect(screen.getByText('No session.')).toBeTruthy();
    stream.break();
    await world.advance(1_000);
    await world.answer('/api/activity/stream', {}, 401);

    const text = screen.getByText('Your session has ended. Sign in again to go on.');
    expect(text.closest('[role=alert], [role=status]')).toBeNull();
    expect(screen.queryByText('No session.')).toBeNull();
    expect(screen.queryByRole('button', { name: 'Try again' })).toBeNull();
    expect(screen.queryByRole('button', { name: 'Show older' })).toBeNull();
    const all = screen.getByRole('button', { name: 'Mark all read' });
    expect(all.getAttribute('aria-disabled')).toBe('true');
    fireEvent.click(all);
    await world.step();
    expect(world.transport.waiting).toBe(0);
  });

  it('marks and counts nothing once somebody else has signed in', async () => {
    const stream = await loaded([notification('2'), notification('1')], 2, '1');
    stream.frame('notification:new', envelope('notification:new', notification('3')));
    await world.step();
    const count = world.next('/api/notifications?limit=1');
    await world.changeUser(stream);
    count.json(page([], 9));
    fireEvent.click(item('Task 2'));
    fireEvent.click(screen.getByRole('button', { name: 'Mark all read' }));
    await world.advance(60_000);
    expect(world.transport.waiting).toBe(0);
    expect([isUnread('Task 2'), isUnread('Task 1')]).toEqual([true, true]);
    expect(said(2)).toBe(true);
  });

  it('marks and counts nothing of theirs before their list, when the page goes on as them', async () => {
    const stream = await loaded([notification('2'), notification('1')], 2, '1');
    stream.frame('notification:new', envelope('notification:new', notification('3')));
    await world.step();
    const count = world.next('/api/notifications?limit=1');
    await world.changeUser(stream);
    act(() => void world.client.connect());
    await world.step();
    const theirs = world.next('/api/activity/stream').stream();
    count.fail();
    await world.step();
    const mark = async () => {
      fireEvent.click(item('Task 2'));
      fireEvent.click(screen.getByRole('button', { name: 'Mark all read' }));
      fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
      await world.advance(1_000);
      expect(world.transport.waiting).toBe(0);
      expect([isUnread('Task 2'), isUnread('Task 1')]).toEqual([true, true]);
    };
    await mark();
    theirs.hello('b');
    await world.step();
    const list = world.next('/api/notifications?limit=30');
    await mark();
    list.json(page([notification('8')], 5));
    await world.step();
    expect(said(5)).toBe(true);
    fireEvent.click(item('Task 8'));
    await world.answer('/api/notifications/8/read', {
      notification: notification('8', read),
      unread: 4,
    });
    expect(said(4)).toBe(true);
  });

  it('does not list on top what was read further down while it loaded', async () => {
    const stream = await loaded([notification('9')], 2);
    stream.frame('reset', { reason: 'expired' });
    await world.step();
    const reload = world.next('/api/notifications?limit=30');
    stream.frame('notification:new', envelope('notification:new', notification('10')));
    stream.frame('notification:read', envelope('notification:read', notification('1', read)));
    stream.frame('notification:read', envelope('notification:read', notification('9', read)));
    await world.step();
    reload.json(page([notification('9'), notification('8')], 2));
    await world.step();
    expect(
      screen.getAllByRole('listitem').map((row) => /Task \d+/.exec(row.textContent)?.[0]),
    ).toEqual(['Task 10', 'Task 9', 'Task 8']);
    expect([isUnread('Task 10'), isUnread('Task 9')]).toEqual([true, false]);
  });

  it('shows as read an older one that was read while its page was on its way', async () => {
    const stream = await loaded([notification('9')], 2, '9');
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.step();
    const older = world.next('/api/notifications?limit=30');
    stream.frame('notification:read', envelope('notification:read', notification('8', read)));
    await world.step();
    older.json(page([notification('8'), notification('7')], 2));
    await world.step();
    expect([isUnread('Task 8'), isUnread('Task 7')]).toEqual([false, true]);
  });

  it('loads older ones', async () => {
    await loaded([notification('9')], 1, '9');
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    const request = await world.answer(
      '/api/notifications?limit=30',
      page([notification('8', read)], 1),
    );
    expect(request.url).toContain('before=9');
    expect(item('Task 8')).toBeTruthy();
  });

  it('tells the application which one was clicked', async () => {
    const selected: string[] = [];
    world.render(<NotificationList onSelect={({ id }) => selected.push(id)} />);
    await world.answer('/api/notifications', page([notification('1', read)], 0));
    fireEvent.click(item('Task 1'));
    expect(selected).toEqual(['1']);
  });

  it('has words for nothing, and for a list that cannot be loaded', async () => {
    world.render(<NotificationList />);
    expect(screen.getByText('Loading notifications…')).toBeTruthy();
    await world.answer('/api/notifications', { title: 'x', detail: 'Away.' }, 503);
    expect(screen.getByText('Away.')).toBeTruthy();
    world.next('/api/activity/stream').fail();
    await world.step();
    const retry = screen.getByRole('button', { name: 'Try again' });
    act(() => retry.focus());
    fireEvent.click(retry);
    expect(retry.isConnected).toBe(false);
    expect(document.activeElement?.className).toBe('pgfeed-panel-body');
    await world.answer('/api/notifications', page([], 0));
    await world.advance(1_000);
    await world.open();
    await world.answer('/api/notifications', page([], 0));
    expect(screen.getByText('You’re all caught up')).toBeTruthy();
  });
});

describe('groups', () => {
  const task = (id: string, more = {}) => notification(id, { category: 'task_assigned', ...more });

  it('gather what is alike, open by hand, and mark all of theirs', async () => {
    await loaded([task('3'), task('2'), task('1')], 3);
    const group = screen.getByRole('button', { name: /3 tasks assigned to you/ });
    expect(group.getAttribute('aria-expanded')).toBe('false');
    expect(screen.queryByRole('button', { name: /^Unread: Task/ })).toBeNull();
    fireEvent.click(group);
    expect(group.getAttribute('aria-expanded')).toBe('true');
    expect(screen.getAllByRole('button', { name: /^Unread: Task/ })).toHaveLength(3);
    const markAll = screen.getByRole('button', { name: 'Mark these read' });
    act(() => markAll.focus());
    fireEvent.click(markAll);
    await world.step();
    expect(document.activeElement).toBe(markAll);
    expect(markAll.getAttribute('aria-disabled')).toBe('true');
    expect(world.transport.requests.slice(-3).map(({ url }) => url)).toEqual(
      ['3', '2', '1'].map((id) => `/api/notifications/${id}/read`),
    );
  });

  it('mark nothing for who is signed out', async () => {
    const stream = await loaded([task('2'), task('1')], 2);
    fireEvent.click(screen.getByRole('button', { name: /2 tasks assigned/ }));
    const markAll = screen.getByRole('button', { name: 'Mark these read' });
    expect(markAll.getAttribute('aria-disabled')).toBe('false');
    stream.break();
    await world.advance(1_000);
    await world.answer('/api/activity/stream', {}, 401);
    expect(markAll.getAttribute('aria-disabled')).toBe('true');
    fireEvent.click(markAll);
    await world.step();
    expect(world.transport.waiting).toBe(0);
    expect(screen.getAllByRole('button', { name: /^Unread: Task/ })).toHaveLength(2);
  });

  it('stay open while one joins', async () => {
    const stream = await loaded([task('2'), task('1')], 2);
    fireEvent.click(screen.getByRole('button', { name: /2 tasks assigned/ }));
    stream.frame('notification:new', envelope('notification:new', task('3')));
    await world.step();
    const group = screen.getByRole('button', { name: /3 tasks assigned/ });
    expect(group.getAttribute('aria-expanded')).toBe('true');
  });
});

describe('NotificationBell', () => {
  const bell = () => screen.getByRole('button', { name: /^Notifications/ });

  it('counts unread ones, and has a dot until its panel is opened', async () => {
    world.render(<NotificationBell />);
    await world.answer('/api/notifications', page([notification('1')], 1));
    const stream = await world.open();
    expect(bell().getAttribute('aria-label')).toBe('Notifications, 1 unread');
    expect(bell().textContent).toBe('1');
    expect(bell().dataset.unseen).toBe('true');

    fireEvent.click(bell());
    const panel = screen.getByRole('dialog', { name: 'Notifications' });
    expect(panel.contains(document.activeElement)).toBe(true);
    expect(within(panel).getByText('Task 1')).toBeTruthy();
    expect(bell().dataset.unseen).toBe('false');
    // Seen isn't read.
    expect(bell().textContent).toBe('1');

    fireEvent.keyDown(document.activeElement as Element, { key: 'Escape' });
    expect(screen.queryByRole('dialog')).toBeNull();
    await vi.waitFor(() => expect(document.activeElement).toBe(bell()));
    stream.frame('notification:new', envelope('notification:new', notification('2')));
    await world.answer('/api/notifications?limit=1', page([], 2));
    expect(bell().dataset.unseen).toBe('true');
    expect(bell().textContent).toBe('2');
  });

  it('keeps the dot for what comes while its open panel is in a tab in the background', async () => {
    world.render(<NotificationBell />);
    await world.answer('/api/notifications', page([], 0));
    const stream = await world.open();
    fireEvent.click(bell());
    const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    stream.frame('notification:new', envelope('notification:new', notification('1')));
    await world.step();
    expect(bell().dataset.unseen).toBe('true');
    visibility.mockReturnValue('visible');
    act(() => void document.dispatchEvent(new Event('visibilitychange')));
    expect(bell().dataset.unseen).toBe('false');
  });

  it('forgets the dot when another tab has shown the panel', async () => {
    world.render(<NotificationBell />);
    await world.answer('/api/notifications', page([notification('1')], 1));
    act(() => world.settings.set('notification-seen', '1'));
    expect(bell().dataset.unseen).toBe('false');
    // Also when that one has yet to arrive here.
    act(() => world.settings.set('notification-seen', '2'));
    expect(bell().dataset.unseen).toBe('false');
  });
});
