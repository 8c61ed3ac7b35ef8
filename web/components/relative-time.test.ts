import { expect, it } from 'vitest';
import { relativeTime } from './relative-time';

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
