// @vitest-environment jsdom
import { cleanup, screen } from '@testing-library/react';
import { Profiler } from 'react';
import { afterEach, describe, expect, it } from 'vitest';
import { german } from './messages-de.js';
import { RelativeTime, relativeTime } from './relative-time.js';
import { TestWorld } from './test-world.js';

afterEach(cleanup);

const now = Date.parse('2026-03-10T12:00:00Z');

it.each([
  ['2026-03-10T12:00:03Z', 'now'],
  ['2026-03-10T11:59:10Z', 'now'],
  ['2026-03-10T11:58:01Z', '1 minute ago'],
  ['2026-03-10T09:00:00Z', '3 hours ago'],
  ['2026-03-09T11:00:00Z', 'yesterday'],
  ['2025-01-01T00:00:00Z', 'last year'],
])('says of %s: %s', (then, text) => {
  expect(relativeTime(Date.parse(then), now, 'en')).toBe(text);
});

describe('RelativeTime', () => {
  it('stays true, renders only when its words change, and shares one timer', async () => {
    const world = new TestWorld();
    let renders = 0;
    const at = (minutes: number) => new Date(world.clock.now() - minutes * 60_000).toISOString();
    world.render(
      <>
        <Profiler id="time" onRender={() => renders++}>
          <RelativeTime dateTime={at(0)} />
        </Profiler>
        <RelativeTime dateTime={at(5)} />
      </>,
    );
    expect(screen.getByText('now')).toBeTruthy();
    expect(world.clock.pending).toBe(1);
    const first = renders;
    await world.advance(45_000);
    expect(renders).toBe(first);
    await world.advance(15_000);
    expect(screen.getByText('1 minute ago')).toBeTruthy();
    expect(screen.getByText('6 minutes ago')).toBeTruthy();
    expect(renders).toBe(first + 1);
    cleanup();
    expect(world.clock.pending).toBe(0);
  });

  it.each([-600_000, 3_600_000])(
    'goes by the server’s clock where the one here is %d ms ahead of it',
    async (ahead) => {
      const world = new TestWorld();
      const told = () => new Date(world.clock.now() - ahead).toISOString();
      world.client.connect();
      const stream = await world.open();
      stream.frame('ping', { timestamp: told() });
      await world.step();
      world.render(<RelativeTime dateTime={told()} />);
      expect(screen.getByText('now')).toBeTruthy();
      world.client.disconnect();
    },
  );

  it('gives the exact time on hover, and speaks the language of the texts', () => {
    const world = new TestWorld();
    const dateTime = new Date(world.clock.now() - 172_800_000).toISOString();
    world.render(<RelativeTime dateTime={dateTime} />, { messages: german });
    const time = screen.getByText('vorgestern');
    expect(time.getAttribute('datetime')).toBe(dateTime);
    expect(time.title).toContain('Dezember 2025');
  });
});
