import { backoffMs } from './backoff.js';
import type { ConnectionNotice, Identity, Unsubscribe } from './client.js';
import type { PageSignal } from './page.js';
import { ServerClient } from './server-client.js';
import { readStream, type StreamEnd } from './sse-stream.js';

const STABLE_AFTER_MS = 10_000;
/** Proxies that buffer answer 200 and then nothing: without `hello` by then the attempt has failed. */
const HELLO_TIMEOUT_MS = 10_000;
/** The server sends something every few seconds: silence for so long means a dead connection. */
const STALE_AFTER_MS = 60_000;
/** Timers may stand still while a machine sleeps: the time is looked at this often. */
const LOOK_EVERY_MS = 5_000;
const POLL_EVERY_MS = 30_000;
const RETRY_OFFLINE_MS = 30_000;
/** Whatever the server says. */
const LEAST_WAIT_MS = 500;
const RECONNECTS_BEFORE_POLLING = 3;

const pollingNotice: ConnectionNotice = {
  code: 'polling-fallback',
  text: 'Real-time updates unavailable, using polling',
};

const nothing: Unsubscribe = () => {};

/**
 * A {@link RealtimeClient} over Server-Sent Events, read with `fetch`, which unlike EventSource can send a token, see
 * the status of an answer and its Retry-After, and leaves reconnecting to us. It reconnects by itself with backoff and
 * goes on from the last cursor; when three reconnections in a row have failed it polls, and goes on trying.
 */
export class SSEClient extends ServerClient {
  /** The attempt or connection under way. */
  #attempt: AbortController | null = null;
  #greeted = false;
  #stable = false;
  /** When the attempt began, or when something was last received after its greeting. */
  #heardAt = 0;
  #cancelLook = nothing;
  #cancelStable = nothing;
  /** When the next attempt is due, where none is under way. */
  #retryAt: number | null = null;
  #cancelRetry = nothing;
  /** The server wants no attempt before. */
  #notBefore = 0;
  /** Connections in a row that ended before they were stable. */
  #failures = 0;
  /** The reconnection delay that the server asked for last. */
  #serverRetryMs: number | null = null;

  protected override begin(): void {
    this.#failures = 0;
    this.#serverRetryMs = null;
    this.#try();
  }

  protected override release(): void {
    this.#attempt?.abort();
    this.#endAttempt();
    this.#cancelRetry();
    this.#retryAt = null;
  }

  protected override onSignal(signal: PageSignal): void {
    switch (signal) {
      case 'offline':
        this.offline = true;
        this.stopPolling();
        this.release();
        // The browser may be wrong about it.
        this.#retryIn(RETRY_OFFLINE_MS);
        break;
      case 'online':
        this.offline = false;
        this.#failures = 0;
        this.#hurry();
        break;
      case 'visible':
        this.#look();
        this.#hurry();
        break;
      case 'tick':
        this.#look();
        this.poller?.tick();
        if (this.#retryAt !== null && this.clock.now() >= this.#retryAt) this.#try();
        break;
      default:
        break;
    }
  }

  /** Tries now rather than later, unless the server asked for patience. */
  #hurry(): void {
    this.poller?.hurry();
    if (this.#retryAt !== null && this.clock.now() >= this.#notBefore) this.#try();
    else this.show();
  }

  #try(): void {
    this.#cancelRetry();
    this.#retryAt = null;
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#stable = false;
    this.#heardAt = this.clock.now();
    this.#look();
    this.show();
    // A listener may have disconnected.
    if (attempt.signal.aborted) return;
    let ahead = Infinity;
    void readStream({
      access: this.options,
      path: `/api/activity/stream?topics=${this.topics.join(',')}`,
      cursor: this.position,
      clock: this.clock,
      signal: attempt.signal,
      handlers: {
        onBytes: () => {
          if (this.#greeted) this.#heardAt = this.clock.now();
        },
        onHello: (identity) => this.#hello(identity),
        onEvent: (event) => this.deliver(event),
        onReset: (reason) => this.reset(reason),
        onCursor: (cursor) => {
          this.position = cursor;
        },
        onRetry: (milliseconds) => {
          this.#serverRetryMs = milliseconds;
        },
        onTime: (time) => {
          // What was held up on its way makes the clock here seem further ahead than it is.
          ahead = Math.min(ahead, this.clock.now() - time);
          this.ahead = ahead;
        },
      },
    }).then((end) => {
      // Otherwise it was ended from here, and what comes next is decided.
      if (this.#attempt === attempt) this.#ended(end);
    });
  }

  /** Gives up an attempt that gets no greeting, and a connection that has fallen silent. */
  #look(): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    this.#cancelLook();
    const limit = this.#greeted ? STALE_AFTER_MS : HELLO_TIMEOUT_MS;
    const left = this.#heardAt + limit - this.clock.now();
    if (left > 0) {
      this.#cancelLook = this.clock.after(Math.min(left, LOOK_EVERY_MS), () => this.#look());
    } else {
      attempt.abort();
      this.#ended({ kind: 'lost' });
    }
  }

  #hello(identity: Identity): void {
    if (!this.isStill(identity)) return;
    this.#greeted = true;
    this.#heardAt = this.clock.now();
    this.#look();
    this.offline = false;
    this.stopPolling();
    this.#cancelStable = this.clock.after(STABLE_AFTER_MS, () => {
      this.#stable = true;
      this.#failures = 0;
    });
    this.setStatus({ state: 'live', since: this.clock.now(), identity });
    // A listener may have disconnected.
    if (this.#greeted) this.tellForgotten();
  }

  #ended(end: StreamEnd): void {
    const wasGood = this.#stable || (this.#greeted && this.#failures === 0);
    this.#endAttempt();
    if (end.kind === 'unauthorized') {
      this.unauthorized('session');
      return;
    }
    if (end.kind === 'rejected' && end.badCursor) this.forgetCursor();
    // A gateway that is being replaced says when to come back, and may do so several times in a row.
    if (end.kind === 'bye' && end.reason === 'drain') {
      this.#retryIn(Math.max(this.#serverRetryMs ?? 0, LEAST_WAIT_MS));
      return;
    }
    this.#failures++;
    this.#retryIn(this.#delayMs(end, wasGood));
    if (this.#failures > RECONNECTS_BEFORE_POLLING) this.startPolling(() => POLL_EVERY_MS);
  }

  #delayMs(end: StreamEnd, wasGood: boolean): number {
    const backoff = backoffMs(this.#failures, this.random);
    if (end.kind === 'rejected' && end.retryAfterMs !== null) {
      this.#notBefore = this.clock.now() + end.retryAfterMs;
      // Never sooner than asked, and not all clients in the same moment.
      return Math.max(backoff, Math.round(end.retryAfterMs * (1 + this.random() / 10)));
    }
    // A server that says goodbye over and over gets the backoff like any other failure.
    if (end.kind === 'bye' && wasGood) {
      return end.reason === 'session' ? 0 : Math.max(this.#serverRetryMs ?? backoff, LEAST_WAIT_MS);
    }
    return backoff;
  }

  #retryIn(milliseconds: number): void {
    this.#cancelRetry();
    this.#retryAt = this.clock.now() + milliseconds;
    this.#cancelRetry = this.clock.after(milliseconds, () => this.#try());
    this.show();
  }

  protected override show(): void {
    if (this.#greeted || !this.isStarted) return;
    const retryAt = this.#retryAt;
    const { poller } = this;
    const pollAt = poller?.pollAt ?? null;
    if (this.offline || (poller !== null && poller.failures > 0)) {
      this.setStatus({ state: 'offline', retryAt, pollAt });
    } else if (poller !== null) {
      this.setStatus({ state: 'polling', retryAt, pollAt, notice: pollingNotice });
    } else {
      this.setStatus({ state: 'connecting', retryAt });
    }
  }

  #endAttempt(): void {
    this.#attempt = null;
    this.#greeted = false;
    this.#cancelLook();
    this.#cancelStable();
  }
}
