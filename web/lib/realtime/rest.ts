import { retryAfterMs } from './backoff.js';
import type { JsonObject, RealtimeEvent } from './client.js';
import { type Clock, systemClock } from './clock.js';
import { decodeJson, isObject, toEvents, toId } from './events.js';
import { type Access, send, untilAborted, withinTime } from './request.js';

// Longer than the stream and a poll wait: a browser that has no connection left keeps a request until one is free.
const ANSWER_TIMEOUT_MS = 15_000;

/** Options of {@link RestApi}. */
export interface RestOptions extends Access {
  /** For tests. */
  readonly clock?: Clock;
}

/** One page of history, newest first. */
export interface ActivityPage {
  readonly events: readonly RealtimeEvent[];
  /** Where `RealtimeClient.connect` should begin so that nothing is missed after this page. */
  readonly cursor: string;
  /** What to ask for older ones with; `null` when there are none. */
  readonly before: string | null;
}

/** One page of the user's notifications, newest first. */
export interface NotificationPage {
  readonly notifications: readonly JsonObject[];
  readonly unread: number;
  readonly cursor: string;
  readonly before: string | null;
}

/** Which page. */
export interface PageOptions {
  readonly limit?: number;
  readonly before?: string;
  readonly signal?: AbortSignal;
}

/** A call that didn't succeed. `status` is 0 where no usable answer came. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** How long the server asked to wait before the next try, in milliseconds; `null` where it didn't. */
  readonly retryAfterMs: number | null;

  constructor(
    readonly status: number,
    message: string,
    /** The request's field that is to blame, where the server names one. */
    readonly field: string | null = null,
    options: ErrorOptions & { readonly retryAfterMs?: number | null } = {},
  ) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/**
 * The calls beside the stream: history, notifications, and marking them as read. All reject with {@link ApiError}; of
 * status 0 also when no answer has come within 15 s, as where the network fails.
 */
export class RestApi {
  readonly #access: Access;
  readonly #clock: Clock;

  constructor(options: RestOptions = {}) {
    this.#access = options;
    this.#clock = options.clock ?? systemClock;
  }

  async listActivity(options: PageOptions = {}): Promise<ActivityPage> {
    const body = await this.#call('GET', `/api/activity${query(options)}`, options.signal);
    return {
      events: toEvents(body.events),
      cursor: text(body, 'cursor'),
      before: toId(body.before),
    };
  }

  async listNotifications(options: PageOptions = {}): Promise<NotificationPage> {
    const body = await this.#call('GET', `/api/notifications${query(options)}`, options.signal);
    return {
      notifications: Array.isArray(body.notifications) ? body.notifications.filter(isObject) : [],
      unread: count(body),
      cursor: text(body, 'cursor'),
      before: toId(body.before),
    };
  }

  /** Marks one notification as read; doing so twice is no error. */
  async markRead(id: string): Promise<{ notification: JsonObject; unread: number }> {
    const body = await this.#call('POST', `/api/notifications/${encodeURIComponent(id)}/read`);
    if (!isObject(body.notification)) throw unusable();
    return { notification: body.notification, unread: count(body) };
  }

  /** Marks all of the user's notifications as read. */
  async markAllRead(): Promise<{ unread: number }> {
    return { unread: count(await this.#call('POST', '/api/notifications/read')) };
  }

  async #call(method: string, path: string, signal?: AbortSignal): Promise<JsonObject> {
    const { status, ok, body, wait } = await this.#answer(method, path, signal);
    if (!ok) {
      const problem = isObject(body) ? body : {};
      throw new ApiError(
        status,
        toId(problem.detail) ?? toId(problem.title) ?? `The server answered ${status}.`,
        toId(problem.field),
        { retryAfterMs: wait },
      );
    }
    if (!isObject(body)) throw unusable();
    return body;
  }

  async #answer(method: string, path: string, signal?: AbortSignal): Promise<Answer> {
    try {
      return await withinTime(this.#clock, ANSWER_TIMEOUT_MS, signal, async (within) => {
        const response = await send(this.#access, path, {
          method,
          headers: { Accept: 'application/json' },
          signal: within,
        });
        const body = decodeJson(await untilAborted(response.text(), within));
        const wait = retryAfterMs(response, this.#clock);
        return { status: response.status, ok: response.ok, body, wait };
      });
    } catch (error) {
      throw new ApiError(0, 'The server could not be reached.', null, { cause: error });
    }
  }
}

interface Answer {
  readonly status: number;
  readonly ok: boolean;
  readonly body: unknown;
  /** As `retryAfterMs` of {@link ApiError}. */
  readonly wait: number | null;
}

function query(options: PageOptions): string {
  const params = new URLSearchParams();
  if (options.limit !== undefined) params.set('limit', String(options.limit));
  if (options.before !== undefined) params.set('before', options.before);
  const all = params.toString();
  return all === '' ? '' : `?${all}`;
}

function text(body: JsonObject, field: string): string {
  const value = body[field];
  if (typeof value !== 'string') throw unusable();
  return value;
}

function count(body: JsonObject): number {
  return typeof body.unread === 'number' ? body.unread : 0;
}

function unusable(): ApiError {
  return new ApiError(0, 'The server gave an answer that this page does not understand.');
}
