// @vitest-environment jsdom
import { cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ScriptedStream } from '@pgfeed/client/testing';
import type { NotificationType } from './rows.js';
import { SoundSwitch } from './sound-switch.js';
import { envelope, notification, TestWorld } from './test-world.js';

let world: TestWorld;
let stream: ScriptedStream;

async function begin() {
  world.render(<SoundSwitch />);
  await world.answer('/api/notifications', {
    notifications: [],
    unread: 0,
    cursor: 'c',
    before: null,
  });
  stream = await world.open();
}

beforeEach(() => {
  world = new TestWorld();
});

afterEach(cleanup);

const toggle = () => screen.getByRole('switch', { name: 'Sound' });

async function arrive(id: string, type: NotificationType = 'info') {
  stream.frame('notification:new', envelope('notification:new', notification(id, { type })));
  await world.step();
}

it('is off at first, and kept once it is on', async () => {
  await begin();
  expect(toggle().getAttribute('aria-checked')).toBe('false');
  await arrive('1');
  expect(world.played).toEqual([]);

  fireEvent.click(toggle());
  expect(toggle().getAttribute('aria-checked')).toBe('true');
  // So that one knows how it sounds.
  expect(world.played).toEqual(['info']);
  expect(world.settings.get('sound')).toBe('on');
});

it('plays for what arrives, once for a burst', async () => {
  world.settings.set('sound', 'on');
  await begin();
  expect(toggle().getAttribute('aria-checked')).toBe('true');
  await arrive('1', 'urgent');
  await arrive('2');
  expect(world.played).toEqual(['urgent']);
  await world.advance(3_000);
  await arrive('3');
  expect(world.played).toEqual(['urgent', 'info']);
});

it('plays in the tab that presents only', async () => {
  world.settings.set('sound', 'on');
  await begin();
  vi.spyOn(world.client, 'isPresenter', 'get').mockReturnValue(false);
  await arrive('1');
  expect(world.played).toEqual([]);
});

it('says so when the browser does not allow it', async () => {
  world.settings.set('sound', 'on');
  world.soundAllowed = false;
  await begin();
  await arrive('1');
  expect(screen.getByRole('status').textContent).toContain('only after a click');
  world.soundAllowed = true;
  await world.advance(3_000);
  await arrive('2');
  expect(screen.getByRole('status').textContent).toBe('');
});

it('is turned off in every tab at once', async () => {
  world.settings.set('sound', 'on');
  await begin();
  world.settings.set('sound', 'off');
  await arrive('1');
  expect(world.played).toEqual([]);
});
