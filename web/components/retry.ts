import { ApiError, backoffMs, type Clock, type RealtimeClient } from '@pgfeed/client';
import { isConnected, until } from './client-state.js';

// Refused for now: too slow, too early, too many.
const PASSING = [408, 425, 429];

/** Whether the server has said no, as it would when asked again. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.status >= 400 && error.status < 500 && !PASSING.includes(error.status);
}

/**
 * Waits until a call that failed so many times in a row is worth another try: for the connection where there is none,
 * else for a while, and as long as the server has asked for.
 */
export async function untilRetry(
  client: RealtimeClient,
  clock: Clock,
  error: unknown,
  failures: number,
  signal: AbortSignal,
): Promise<void> {
  const backoff = isConnected(client) ? backoffMs(failures, Math.random) : 0;
  await pause(clock, Math.max(backoff, askedMs(error)), signal);
  await until(client, signal, () => isConnected(client));
}

/** Waits so long, or for the abort. */
export function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || milliseconds <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(milliseconds, done);
    signal.addEventListener('abort', done);
  });
}

/** The patience that the server asked for: never less, and not all pages in the same moment. */
function askedMs(error: unknown): number {
  const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
  return asked * (1 + Math.random() / 10);
}
