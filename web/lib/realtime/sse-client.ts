import { backoffMs } from './backoff';
import type {
  Channel,
  ConnectOptions,
  ConnectionStatus,
  EventListener,
  RealtimeClient,
  RealtimeEvent,
  ResetReason,
  Unsubscribe,
} from './client';
import { type Clock, systemClock } from './clock';
import { Listeners } from './listeners';
import { poll } from './poll';
import type { Access } from './request';
import { SeenIds } from './seen';
import { readStream, type StreamEnd } from './sse-stream';

const STABLE_AFTER_MS = 10_000;
const HELLO_TIMEOUT_MS = 10_000;
const STALE_AFTER_MS = 60_000;
const POLL_EVERY_MS = 30_000;
const RECONNECTS_BEFORE_POLLING = 3;
const REMEMBERED_IDS = 4_096;

/** What the server can be asked to send. */
export type Topic = RealtimeEvent['type'];

/** Options of {@link SSEClient}. All have defaults that suit a page served by the gateway itself. */
export interface SSEClientOptions extends Access {
  /** Default: both, on one connection. */
  readonly topics?: readonly Topic[];
  /** Where the first `connect` begins, unless that gives a cursor itself. */
  readonly cursor?: string;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests: a number from 0 up to 1, which spreads the reconnections of many clients. */
  readonly random?: () => number;
}

const nothing: Unsubscribe = () => {};

type AnyListener = (event: RealtimeEvent) => void;

/**
 * A {@link RealtimeClient} over Server-Sent Events, read with `fetch`, which unlike EventSource can send a token and
 * see the status. It reconnects by itself with backoff and goes on from the last cursor; when three reconnections in
 * a row have failed it polls, and goes on trying.
 */
export class SSEClient implements RealtimeClient {
  readonly #access: Access;
  readonly #topics: readonly Topic[];
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #channels = new Map<Channel, Map<AnyListener, Unsubscribe>>();
  readonly #events = new Map<Channel, Listeners<RealtimeEvent>>();
  readonly #statusListeners = new Listeners<ConnectionStatus>();
  readonly #resetListeners = new Listeners<ResetReason>();
  readonly #seen = new SeenIds(REMEMBERED_IDS);

  #status: ConnectionStatus = { state: 'closed' };
  #cursor: string | null;
  /** From `connect` to `disconnect`; aborting it ends all that is under way. */
  #session: AbortController | null = null;
  #polling: AbortController | null = null;
  #pollFailed = false;
  /** The server refused our cursor, and the listeners of resets haven't been told yet. */
  #forgotten = false;
  /** Connections in a row that ended before they were stable. */
  #failures = 0;
  /** The reconnection delay that the server asked for last. */
  #serverRetryMs: number | null = null;
  #cancelRetry: Unsubscribe = nothing;
  #cancelPoll: Unsubscribe = nothing;

  constructor(options: SSEClientOptions = {}) {
    this.#access = options;
    this.#topics = options.topics ?? ['activity', 'notification'];
    this.#cursor = options.cursor ?? null;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  get cursor(): string | null {
    return this.#cursor;
  }

  connect(options: ConnectOptions = {}): boolean {
    if (this.#session !== null) return false;
    const session = new AbortController();
    this.#session = session;
    this.#cursor = options.cursor ?? this.#cursor;
    this.#failures = 0;
    this.#serverRetryMs = null;
    void this.#attempt(session.signal);
    return true;
  }

  disconnect(): void {
    this.#stop({ state: 'closed' });
  }

  subscribe<C extends Channel>(channel: C, listener: EventListener<C>): Unsubscribe {
    const listeners = this.#events.get(channel) ?? new Listeners<RealtimeEvent>();
    this.#events.set(channel, listeners);
    const known = this.#channels.get(channel) ?? new Map<AnyListener, Unsubscribe>();
    this.#channels.set(channel, known);
    // Only events of this channel are ever given to it, which the type of the map can't say.
    const key = listener as AnyListener;
    if (!known.has(key)) known.set(key, listeners.add(key));
    return () => this.unsubscribe(channel, listener);
  }

  unsubscribe<C extends Channel>(channel: C, listener?: EventListener<C>): void {
    const known = this.#channels.get(channel);
    for (const [key, remove] of known ?? []) {
      if (listener !== undefined && key !== (listener as AnyListener)) continue;
      remove();
      known?.delete(key);
    }
  }

  onStatus(listener: (status: ConnectionStatus) => void): Unsubscribe {
    return this.#statusListeners.add(listener);
  }

  onReset(listener: (reason: ResetReason) => void): Unsubscribe {
    return this.#resetListeners.add(listener);
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    this.#showTrying(null);
    let stable = false;
    let cancelStable = nothing;
    const end = await readStream({
      access: this.#access,
      path: `/api/activity/stream?topics=${this.#topics.join(',')}`,
      cursor: this.#cursor,
      clock: this.#clock,
      helloTimeoutMs: HELLO_TIMEOUT_MS,
      staleAfterMs: STALE_AFTER_MS,
      signal,
      handlers: {
        onHello: (identity) => {
          this.#stopPolling();
          cancelStable = this.#clock.after(STABLE_AFTER_MS, () => {
            stable = true;
            this.#failures = 0;
          });
          this.#setStatus({ state: 'live', since: this.#clock.now(), identity });
          this.#tellForgotten();
        },
        onEvent: (event) => this.#deliver(event),
        onReset: (reason) => this.#reset(reason),
        onCursor: (cursor) => {
          this.#cursor = cursor;
        },
        onRetry: (milliseconds) => {
          this.#serverRetryMs = milliseconds;
        },
      },
    });
    cancelStable();
    if (!signal.aborted) this.#ended(end, stable, signal);
  }

  #ended(end: StreamEnd, stable: boolean, signal: AbortSignal): void {
    if (end.kind === 'unauthorized') {
      this.#stop({ state: 'unauthorized' });
      return;
    }
    if (end.kind === 'rejected' && end.badCursor) this.#forgetCursor();
    const first = this.#failures === 0;
    this.#failures++;
    const delay = this.#delayMs(end, first || stable);
    if (this.#failures > RECONNECTS_BEFORE_POLLING) this.#startPolling();
    this.#showTrying(this.#clock.now() + delay);
    this.#cancelRetry = this.#clock.after(delay, () => void this.#attempt(signal));
  }

  #delayMs(end: StreamEnd, wasGood: boolean): number {
    const backoff = backoffMs(this.#failures, this.#random);
    if (end.kind === 'rejected' && end.retryAfterMs !== null) {
      // Never sooner than asked, and not all clients in the same moment.
      return Math.max(backoff, Math.round(end.retryAfterMs * (1 + this.#random() / 10)));
    }
    // A server that says goodbye over and over gets the backoff like any other failure.
    if (end.kind === 'bye' && wasGood) {
      return end.reason === 'session' ? 0 : (this.#serverRetryMs ?? backoff);
    }
    return backoff;
  }

  #startPolling(): void {
    if (this.#polling !== null) return;
    this.#polling = new AbortController();
    this.#pollFailed = false;
    void this.#poll(this.#polling.signal);
  }

  #stopPolling(): void {
    this.#polling?.abort();
    this.#polling = null;
    this.#cancelPoll();
  }

  async #poll(signal: AbortSignal): Promise<void> {
    let more = true;
    let wait = POLL_EVERY_MS;
    while (more) {
      const result = await poll({
        access: this.#access,
        topics: this.#topics,
        cursor: this.#cursor,
        clock: this.#clock,
        timeoutMs: HELLO_TIMEOUT_MS,
        signal,
      });
      if (signal.aborted) return;
      if (result.kind === 'unauthorized') {
        this.#stop({ state: 'unauthorized' });
        return;
      }
      more = result.kind === 'page' && result.more;
      this.#pollFailed = result.kind === 'failed';
      if (result.kind === 'page') {
        this.#cursor = result.cursor;
        this.#tellForgotten();
        if (result.reset !== null) this.#reset(result.reset);
        for (const event of result.events) this.#deliver(event);
        // A listener may have disconnected.
        if (signal.aborted) return;
      } else {
        wait = Math.max(wait, result.retryAfterMs ?? 0);
        if (result.badCursor) this.#forgetCursor();
      }
    }
    const status = this.#status;
    if (status.state === 'polling' || status.state === 'offline') this.#showTrying(status.retryAt);
    this.#cancelPoll = this.#clock.after(wait, () => void this.#poll(signal));
  }

  #deliver(event: RealtimeEvent): void {
    if (!this.#seen.add(`${event.event} ${event.id}`)) return;
    this.#events.get(event.event)?.call(event);
  }

  #reset(reason: ResetReason): void {
    // Another history may give out the same ids again.
    if (reason === 'epoch' || reason === 'invalid') this.#seen.clear();
    this.#resetListeners.call(reason);
  }

  #forgetCursor(): void {
    this.#cursor = null;
    this.#forgotten = true;
  }

  /** Only once there is a new place to go on from, or what happens during the reload would be missed. */
  #tellForgotten(): void {
    if (!this.#forgotten) return;
    this.#forgotten = false;
    this.#reset('invalid');
  }

  #showTrying(retryAt: number | null): void {
    if (this.#polling === null) this.#setStatus({ state: 'connecting', retryAt });
    else this.#setStatus({ state: this.#pollFailed ? 'offline' : 'polling', retryAt });
  }

  #stop(status: ConnectionStatus): void {
    this.#session?.abort();
    this.#session = null;
    this.#stopPolling();
    this.#cancelRetry();
    this.#setStatus(status);
  }

  #setStatus(status: ConnectionStatus): void {
    if (sameStatus(this.#status, status)) return;
    this.#status = status;
    this.#statusListeners.call(status);
  }
}

function sameStatus(a: ConnectionStatus, b: ConnectionStatus): boolean {
  if (a.state !== b.state || a.state === 'live') return false;
  return ('retryAt' in a ? a.retryAt : null) === ('retryAt' in b ? b.retryAt : null);
}
