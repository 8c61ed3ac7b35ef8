// @vitest-environment jsdom
import { expect, it } from 'vitest';
import { NotificationStore } from './notification-store.js';
import { envelope, notification, TestWorld } from './test-world.js';

it('leaves no gap where more arrives than it holds while it loads', async () => {
  const world = new TestWorld();
  const page = (rows: readonly object[]) => ({
    notifications: rows,
    unread: 400,
    cursor: 'c',
    before: null,
  });
  world.client.connect();
  const stream = await world.open();
  const store = new NotificationStore(world.client, world.api, world.clock, world.settings);
  const stop = store.retain();
  for (let id = 2; id <= 400; id++)
    stream.frame('notification:new', envelope('notification:new', notification(String(id))));
  await world.step();
  await world.answer('/api/notifications', page([notification('1')]));
  expect(store.get().items).toHaveLength(300);
  expect(store.get().items.at(-1)?.id).toBe('101');
  store.loadOlder();
  await world.step();
  world.next('/api/notifications?limit=1'); // how many are unread
  await world.answer('/api/notifications?limit=30&before=101', page([notification('100')]));
  expect(store.get().items.at(-1)?.id).toBe('100');
  stop();
  world.client.disconnect();
});
