// @vitest-environment jsdom
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ScriptedStream } from '@pgfeed/client/testing';
import { NotificationStore } from './notification-store.js';
import { envelope, notification, TestWorld } from './test-world.js';

let world: TestWorld;
let store: NotificationStore;
let stream: ScriptedStream;
let stop: () => void;

beforeEach(() => {
  world = new TestWorld();
  store = new NotificationStore(world.client, world.api, world.clock, world.settings);
  stop = store.retain();
});

afterEach(() => {
  stop();
  world.client.disconnect();
});

const ids = () => store.get().items.map(({ id }) => Number(id));

/** So many, from the newest down; nothing is older than 1. */
function page(newest: number, count: number) {
  const oldest = newest - count + 1;
  const notifications = Array.from({ length: count }, (_, n) => notification(`${newest - n}`));
  return { notifications, unread: 0, cursor: 'c', before: oldest > 1 ? `${oldest}` : null };
}

async function load(count: number): Promise<void> {
  await world.answer('/api/notifications?limit=30', page(1_000, count));
  stream = await world.open();
}

async function hear(event: 'notification:new' | 'notification:read', id: number): Promise<void> {
  stream.frame(event, envelope(event, notification(`${id}`)));
  await world.answer('/api/notifications?limit=1', page(1_000, 1));
  await world.advance(250);
}

it('cuts only for a new one, a page at once, and loads again what it cut', async () => {
  await load(330);
  await hear('notification:read', 671);
  await hear('notification:read', 3);
  expect(ids()).toHaveLength(330);

  await hear('notification:new', 1_001);
  expect(ids()).toHaveLength(300);
  expect(ids().at(-1)).toBe(702);
  store.loadOlder();
  const request = await world.answer('/api/notifications?limit=30', page(701, 30));
  expect(request.url).toContain('before=702');
  expect(ids()).toEqual(Array.from({ length: 330 }, (_, n) => 1_001 - n));
});

it('leaves no hole where a transaction that committed late is the last that it keeps', async () => {
  await load(31);
  await hear('notification:new', 600);
  for (let id = 1_001; id <= 1_299; id++) await hear('notification:new', id);
  expect(ids()).toHaveLength(300);
  expect(ids().slice(-2)).toEqual([1_001, 600]);
  store.loadOlder();
  const request = await world.answer('/api/notifications?limit=30', page(1_000, 30));
  expect(request.url).toContain('before=1001');
  expect(ids().slice(298, 302)).toEqual([1_001, 600, 1_000, 999]);
  store.loadOlder();
  await world.answer('/api/notifications?limit=30', page(600, 30));
  expect(ids().filter((id) => id === 600)).toHaveLength(1);
});

it('goes back no further for a later cut of none but such', async () => {
  await load(1);
  for (let id = 601; id <= 661; id++) await hear('notification:new', id);
  for (let id = 1_001; id <= 1_300; id++) await hear('notification:new', id);
  expect(ids()).toEqual(Array.from({ length: 300 }, (_, n) => 1_300 - n));
  store.loadOlder();
  const request = await world.answer('/api/notifications?limit=30', page(1_000, 30));
  expect(request.url).toContain('before=1001');
});

it('can load again what it cut off the whole history', async () => {
  await load(330);
  store.loadOlder();
  await world.answer('/api/notifications?limit=30', page(670, 670));
  expect(store.get().older).toEqual({ kind: 'none' });
  await hear('notification:new', 1_001);
  expect(store.get().older).toEqual({ kind: 'more' });
});

it('leaves no hole between a cut and a page that was on its way', async () => {
  await load(330);
  store.loadOlder();
  await world.step();
  const older = world.next('/api/notifications?limit=30');
  await hear('notification:new', 1_001);
  older.json(page(670, 30));
  await world.step();
  expect(ids()).toHaveLength(300);
  expect(store.get().older).toEqual({ kind: 'more' });
});

it('leaves no hole where more arrives than it holds while it loads', async () => {
  await load(1);
  stream.frame('reset', { reason: 'expired' });
  for (let id = 1_001; id <= 1_400; id++)
    stream.frame('notification:new', envelope('notification:new', notification(`${id}`)));
  await world.answer('/api/notifications?limit=30', page(1_000, 30));
  expect(ids()).toHaveLength(300);
  expect(ids().at(-1)).toBe(1_101);
  await world.answer('/api/notifications?limit=1', page(1_400, 1));
  store.loadOlder();
  await world.answer('/api/notifications?limit=30&before=1101', page(1_100, 30));
  expect(ids().at(-1)).toBe(1_071);
});
