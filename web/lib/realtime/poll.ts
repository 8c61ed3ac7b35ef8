import { retryAfterMs } from './backoff.js';
import type { Identity, RealtimeEvent, ResetReason } from './client.js';
import type { Clock } from './clock.js';
import { decodeJson, isObject, toEvents, toIdentity, toResetReason, toTime } from './events.js';
import { type Access, send, untilAborted, withinTime } from './request.js';
import { isBadCursor } from './sse-stream.js';

const ANSWER_TIMEOUT_MS = 10_000;

/** What happened since a cursor. */
export interface PollPage {
  readonly kind: 'page';
  readonly events: readonly RealtimeEvent[];
  readonly cursor: string;
  /** There is more at once: ask again with the new cursor. */
  readonly more: boolean;
  readonly reset: ResetReason | null;
  /** Whom the server took us for; `null` where it doesn't say. */
  readonly identity: Identity | null;
  /** What time it was at the server; `null` where it doesn't say, or another origin's script may not be shown it. */
  readonly time: number | null;
}

/** The answer to one poll. */
export type PollResult =
  | PollPage
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'failed'; readonly retryAfterMs: number | null; readonly badCursor: boolean };

/** One poll: what happened since when. */
export interface PollOptions {
  readonly access: Access;
  readonly topics: readonly string[];
  readonly cursor: string | null;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const failed: PollResult = { kind: 'failed', retryAfterMs: null, badCursor: false };

/** Asks once for the events since the cursor; without one, only for a cursor to begin at. Never rejects. */
export async function poll(options: PollOptions): Promise<PollResult> {
  const { clock, signal } = options;
  try {
    return await withinTime(clock, ANSWER_TIMEOUT_MS, signal, (within) => ask(options, within));
  } catch {
    return failed;
  }
}

async function ask(options: PollOptions, signal: AbortSignal): Promise<PollResult> {
  const { access, topics, cursor, clock } = options;
  const query =
    cursor === null
      ? new URLSearchParams({ limit: '1' })
      : new URLSearchParams({ cursor, topics: topics.join(',') });
  const response = await send(access, `/api/activity?${query.toString()}`, {
    headers: { Accept: 'application/json' },
    signal,
  });
  if (response.status === 401) return { kind: 'unauthorized' };
  if (!response.ok) {
    return {
      kind: 'failed',
      retryAfterMs: retryAfterMs(response, clock),
      badCursor: await isBadCursor(response, signal),
    };
  }
  const body = decodeJson(await untilAborted(response.text(), signal));
  if (!isObject(body) || typeof body.cursor !== 'string') return failed;
  return {
    kind: 'page',
    // Without a cursor the answer is history, which the application loads by itself.
    events: cursor === null ? [] : toEvents(body.events),
    cursor: body.cursor,
    more: cursor !== null && body.more === true,
    reset: isObject(body.reset) ? toResetReason(body.reset.reason) : null,
    identity: toIdentity(body),
    time: toTime(response.headers.get('Date')),
  };
}
