import type { Clock } from './clock.js';

const STEPS_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000] as const;

/**
 * How long to wait after so many failures in a row (1 and up): 1, 2, 4, 8, 16, then 30 s, of which up to a half is
 * taken off at random, so that the clients of a restarted server don't all come back at once.
 */
export function backoffMs(failures: number, random: () => number): number {
  const step = STEPS_MS[Math.min(Math.max(failures, 1), STEPS_MS.length) - 1] ?? 30_000;
  return Math.round(step * (1 - random() / 2));
}

/** No server is believed to want more patience than this, and timers overflow beyond 24 days. */
const MOST_PATIENCE_MS = 3_600_000;

/** Reads a Retry-After header (seconds or a date) as milliseconds from now, an hour at most; `null` where there is none. */
export function retryAfterMs(response: Response, clock: Clock): number | null {
  const value = response.headers.get('Retry-After')?.trim();
  if (!value) return null;
  const wait = /^[0-9]+$/.test(value)
    ? Number(value) * 1_000
    : Math.max(0, Date.parse(value) - clock.now());
  return Number.isNaN(wait) ? null : Math.min(wait, MOST_PATIENCE_MS);
}
