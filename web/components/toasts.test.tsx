// @vitest-environment jsdom
import { act, cleanup, fireEvent, screen } from '@testing-library/react';
import { useState } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ScriptedStream } from '@pgfeed/client/testing';
import type { NotificationType } from './rows.js';
import { envelope, notification, TestWorld } from './test-world.js';
import { UrgentToasts } from './urgent-toasts.js';

let world: TestWorld;
let stream: ScriptedStream;
let focused = true;

const empty = { notifications: [], unread: 0, cursor: 'c', before: null };

beforeEach(async () => {
  focused = true;
  vi.spyOn(document, 'hasFocus').mockImplementation(() => focused);
  world = new TestWorld();
  world.render(
    <>
      <button type="button">elsewhere</button>
      <UrgentToasts />
    </>,
  );
  await world.answer('/api/notifications', empty);
  stream = await world.open();
});

afterEach(cleanup);

/** Lets one arrive that was recorded `at`, by the server's clock. */
async function arrive(
  id: string,
  type: NotificationType = 'urgent',
  at = world.clock.now(),
  more = {},
) {
  const timestamp = new Date(at).toISOString();
  const row = notification(id, { type, createdAt: timestamp, ...more });
  stream.frame('notification:new', envelope('notification:new', row, timestamp));
  await world.step();
}

const toasts = () =>
  [...document.querySelectorAll('.pgfeed-toast')].map((toast) => toast.textContent);
const region = () => document.querySelector('.pgfeed-toasts') as HTMLElement;

it('shows an urgent one for five seconds, and no other', async () => {
  await arrive('1', 'info');
  expect(toasts()).toEqual([]);
  await arrive('2');
  expect(toasts()).toEqual([expect.stringContaining('Task 2')]);
  await world.advance(4_999);
  expect(toasts()).toHaveLength(1);
  await world.advance(1);
  expect(toasts()).toEqual([]);
});

it('keeps it while it is hovered', async () => {
  await arrive('1');
  await world.advance(4_000);
  fireEvent.pointerEnter(region());
  await world.advance(60_000);
  expect(toasts()).toHaveLength(1);
  fireEvent.pointerLeave(region());
  await world.advance(1_000);
  expect(toasts()).toEqual([]);
});

it('keeps it while it is focused; F8 goes there and Escape back', async () => {
  await arrive('1');
  const before = screen.getByRole('button', { name: 'elsewhere' });
  before.focus();
  fireEvent.keyDown(document.body, { key: 'F8' });
  expect(region().contains(document.activeElement)).toBe(true);
  await world.advance(60_000);
  expect(toasts()).toHaveLength(1);
  fireEvent.keyDown(document.activeElement as Element, { key: 'Escape' });
  expect(toasts()).toEqual([]);
  expect(document.activeElement).toBe(before);
});

describe('the focus', () => {
  const elsewhere = () => screen.getByRole('button', { name: 'elsewhere' });
  const button = (name: string) => screen.getByRole('button', { name });
  const hasFocus = () => region().contains(document.activeElement);
  const pressF8 = () => fireEvent.keyDown(document.activeElement as Element, { key: 'F8' });

  async function readElsewhere(id: string) {
    const row = notification(id, { type: 'urgent', readAt: '2026-01-01T00:00:09Z' });
    stream.frame('notification:read', envelope('notification:read', row));
    await world.step();
  }

  it('goes to the next when the newest is closed, and holds the others only while it is there', async () => {
    for (const id of ['1', '2', '3']) await arrive(id);
    pressF8();
    act(() => button('Dismiss: Task 3').focus());
    fireEvent.click(button('Dismiss: Task 3'));
    expect(document.activeElement?.textContent).toContain('Task 2');
    await world.advance(60_000);
    expect(toasts()).toHaveLength(2);
    act(() => elsewhere().focus());
    await world.advance(5_000);
    expect(toasts()).toEqual([]);
  });

  it('stays where it is when another toast is closed without it', async () => {
    for (const id of ['1', '2', '3']) await arrive(id);
    act(() => button('Dismiss: Task 2').focus());
    fireEvent.click(button('Dismiss: Task 3'));
    expect(document.activeElement).toBe(button('Dismiss: Task 2'));
  });

  it('does not return to where it came from once it has gone elsewhere by itself', async () => {
    await arrive('1');
    act(() => elsewhere().focus());
    pressF8();
    const other = document.body.appendChild(document.createElement('button'));
    act(() => other.focus());
    fireEvent.click(button('Dismiss: Task 1'));
    expect(toasts()).toEqual([]);
    expect(document.activeElement).toBe(other);

    await arrive('2');
    act(() => button('Dismiss: Task 2').focus());
    fireEvent.keyDown(document.activeElement as Element, { key: 'Escape' });
    expect(document.activeElement).not.toBe(elsewhere());
    other.remove();
  });

  it('holds nothing once its toast is pushed out', async () => {
    for (const id of ['1', '2', '3']) await arrive(id);
    act(() => button('Dismiss: Task 1').focus());
    await arrive('4');
    expect(hasFocus()).toBe(false);
    await world.advance(5_000);
    expect(toasts()).toEqual([]);
  });

  it('holds nothing once its toast was read elsewhere', async () => {
    await arrive('1');
    await arrive('2');
    act(() => button('Dismiss: Task 1').focus());
    await readElsewhere('1');
    expect(toasts()).toHaveLength(1);
    await world.advance(5_000);
    expect(toasts()).toEqual([]);
  });

  it('returns to where it came from when the last toast goes by itself', async () => {
    await arrive('1');
    act(() => elsewhere().focus());
    pressF8();
    expect(hasFocus()).toBe(true);
    await readElsewhere('1');
    expect(document.activeElement).toBe(elsewhere());
  });

  it('stays with what takes it when the panel for the others opens', async () => {
    function Page() {
      const [open, setOpen] = useState(false);
      return (
        <>
          <UrgentToasts onMore={() => setOpen(true)} />
          {/* oxlint-disable-next-line jsx-a11y/no-autofocus -- as a dialog does */}
          {open && <input aria-label="panel" autoFocus />}
        </>
      );
    }
    cleanup();
    world.render(
      <>
        <button type="button">elsewhere</button>
        <Page />
      </>,
    );
    await world.answer('/api/notifications', empty);
    stream = await world.open();
    for (const id of ['1', '2', '3', '4']) await arrive(id);
    act(() => elsewhere().focus());
    pressF8();
    act(() => button('1 more urgent notification').focus());
    fireEvent.click(button('1 more urgent notification'));
    expect(toasts()).toEqual([]);
    expect(document.activeElement).toBe(screen.getByRole('textbox', { name: 'panel' }));
  });

  it('returns to where it came from also after a second F8', async () => {
    await arrive('1');
    await arrive('2');
    act(() => elsewhere().focus());
    pressF8();
    act(() => button('Dismiss: Task 1').focus());
    pressF8();
    expect(document.activeElement).toBe(button('Dismiss: Task 1'));
    fireEvent.keyDown(document.activeElement as Element, { key: 'Escape' });
    expect(document.activeElement).toBe(elsewhere());
  });
});

it('keeps it while the window is in the background', async () => {
  await arrive('1');
  focused = false;
  fireEvent.blur(window);
  await world.advance(20_000);
  await arrive('2');
  await world.advance(20_000);
  expect(toasts()).toHaveLength(2);
  focused = true;
  fireEvent.focus(window);
  await world.advance(5_000);
  expect(toasts()).toEqual([]);
});

it('shows three at once, counts the others, and announces a burst as one', async () => {
  const live = screen.getByRole('alert');
  for (const id of ['1', '2', '3', '4', '5']) await arrive(id);
  expect(toasts().map((text) => /Task \d/.exec(text ?? '')?.[0])).toEqual([
    'Task 5',
    'Task 4',
    'Task 3',
    undefined,
  ]);
  expect(screen.getByRole('button', { name: '2 more urgent notifications' })).toBeTruthy();
  expect(live.textContent).toBe('');
  await world.advance(300);
  expect(screen.getByRole('alert')).toBe(live);
  expect(live.textContent).toBe('5 urgent notifications: Task 1, Task 2, Task 3, Task 4, Task 5');
});

it('reads no more than a few titles aloud, however large the burst', async () => {
  for (let id = 1; id <= 100; id++) await arrive(String(id));
  await world.advance(300);
  expect(screen.getByRole('alert').textContent).toBe(
    '100 urgent notifications: Task 1, Task 2, Task 3, Task 4, Task 5 …',
  );
});

it('goes when it is read elsewhere', async () => {
  await arrive('1');
  const row = notification('1', { type: 'urgent', readAt: '2026-01-01T00:00:09Z' });
  stream.frame('notification:read', envelope('notification:read', row));
  await world.step();
  expect(toasts()).toEqual([]);
});

it('marks as read when it is clicked', async () => {
  await arrive('1');
  await world.answer('/api/notifications?limit=1', empty);
  fireEvent.click(screen.getByRole('button', { name: /^Urgent/ }));
  await world.step();
  expect(toasts()).toEqual([]);
  expect(world.next('/api/notifications/1/read').method).toBe('POST');
});

it('leaves the toast to the tab that presents', async () => {
  vi.spyOn(world.client, 'isPresenter', 'get').mockReturnValue(false);
  await arrive('1');
  expect(toasts()).toEqual([]);
});

describe('what is old when it arrives', () => {
  const TEN_MINUTES = 600_000;

  it('makes no toast', async () => {
    await arrive('1', 'urgent', world.clock.now() - TEN_MINUTES);
    expect(toasts()).toEqual([]);
  });

  it('is told from what is new by the server, also on a computer whose clock is fast', async () => {
    const server = world.clock.now() - TEN_MINUTES;
    stream.frame('ping', { timestamp: new Date(server).toISOString() });
    await world.step();
    await arrive('1', 'urgent', server - TEN_MINUTES);
    expect(toasts()).toEqual([]);
    await arrive('2', 'urgent', server);
    expect(toasts()).toEqual([expect.stringContaining('Task 2')]);
  });

  it('is not what a long transaction wrote just now', async () => {
    await arrive('1', 'urgent', world.clock.now(), { createdAt: '2025-12-31T23:00:00Z' });
    expect(toasts()).toHaveLength(1);
  });
});

it('releases its timers when it goes', async () => {
  await arrive('1');
  cleanup();
  await act(() => world.clock.advance(0));
  expect(world.clock.pending).toBe(0);
});
