// @vitest-environment jsdom
import { expect, it } from 'vitest';
import { activity } from '@pgfeed/client/testing';
import { ActivityStore } from './activity-store.js';
import { TestWorld } from './test-world.js';

it('is longer for as long as somebody reads further down, and goes on where it was cut', async () => {
  const world = new TestWorld();
  const store = new ActivityStore(world.client, world.api, world.clock, world.settings);
  const stop = store.retain();
  await world.answer('/api/activity', { events: [activity('1')], cursor: 'c', before: null });
  const stream = await world.open();
  const release = store.hold();
  for (let id = 2; id <= 1_200; id++) stream.activity(String(id));
  await world.step();
  expect(store.get().items).toHaveLength(1_200);
  release();
  expect(store.get().items).toHaveLength(1_000);
  expect(store.get().older.kind).toBe('more');
  store.loadOlder();
  await world.answer('/api/activity?limit=50&before=201', {
    events: [],
    cursor: 'c',
    before: null,
  });
  stop();
  world.client.disconnect();
});

it('leaves no gap where more arrives than it holds while it loads', async () => {
  const world = new TestWorld();
  world.client.connect();
  const stream = await world.open();
  const store = new ActivityStore(world.client, world.api, world.clock, world.settings);
  const stop = store.retain();
  for (let id = 2; id <= 1_300; id++) stream.activity(String(id));
  await world.step();
  await world.answer('/api/activity', { events: [activity('1')], cursor: 'c', before: null });
  expect(store.get().items.at(-1)?.id).toBe('301');
  store.loadOlder();
  await world.answer('/api/activity?limit=50&before=301', {
    events: [],
    cursor: 'c',
    before: null,
  });
  stop();
  world.client.disconnect();
});
