import {
  backoffMs,
  BaseClient,
  type Clock,
  type ConnectOptions,
  decodeJson,
  isObject,
  systemClock,
  toEvent,
  toIdentity,
  toResetReason,
} from '@pgfeed/client';

/** The part of a browser's WebSocket that is used here. */
export interface Socket {
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number }) => void): void;
  close(): void;
}

/** Where to connect to; the rest is for tests. */
export interface WebSocketOptions {
  readonly url: string;
  readonly open?: (url: string) => Socket;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** What a server would close a socket with where it would answer 401. */
const UNAUTHORIZED = 4401;

/**
 * A `RealtimeClient` over a WebSocket. Each message is what a frame of the stream is: `{"event", "id", "data"}` with
 * the same events, cursors and envelopes. `BaseClient` has the listeners, the figures and the dropping of duplicates.
 */
export class WebSocketClient extends BaseClient {
  readonly #options: WebSocketOptions;
  readonly #clock: Clock;
  #started = false;
  #socket: Socket | null = null;
  #failures = 0;
  #cancelRetry = () => {};

  constructor(options: WebSocketOptions) {
    const clock = options.clock ?? systemClock;
    super(clock, null);
    this.#clock = clock;
    this.#options = options;
  }

  override connect({ cursor }: ConnectOptions = {}): boolean {
    if (this.#started) return false;
    this.#started = true;
    if (cursor !== undefined) this.position = cursor;
    this.#open();
    return true;
  }

  override disconnect(): void {
    this.#stop();
    this.setStatus({ state: 'closed' });
  }

  #open(): void {
    this.setStatus({ state: 'connecting', retryAt: null });
    const url = new URL(this.#options.url);
    if (this.position !== null) url.searchParams.set('cursor', this.position);
    const socket: Socket = this.#options.open?.(url.href) ?? new WebSocket(url);
    this.#socket = socket;
    // What a socket says that was given up for another counts no more.
    socket.addEventListener('message', ({ data }) => {
      if (this.#socket === socket) this.#take(decodeJson(String(data)));
    });
    socket.addEventListener('close', ({ code }) => {
      if (this.#socket === socket) this.#closed(code);
    });
  }

  #take(frame: unknown): void {
    if (!isObject(frame)) return;
    if (typeof frame.id === 'string') this.position = frame.id;
    const data = isObject(frame.data) ? frame.data : {};
    if (frame.event === 'hello') {
      this.#failures = 0;
      const identity = toIdentity(data) ?? { tenant: '', user: '' };
      this.setStatus({ state: 'live', since: this.#clock.now(), identity });
    } else if (frame.event === 'reset') {
      this.reset(toResetReason(data.reason));
    } else {
      const event = toEvent(data);
      if (event !== null) this.deliver(event);
    }
  }

  #closed(code: number): void {
    this.#socket = null;
    if (code === UNAUTHORIZED) {
      this.#stop();
      this.setStatus({ state: 'unauthorized', reason: 'session' });
      return;
    }
    const wait = backoffMs(++this.#failures, this.#options.random ?? Math.random);
    this.setStatus({ state: 'connecting', retryAt: this.#clock.now() + wait });
    this.#cancelRetry = this.#clock.after(wait, () => this.#open());
  }

  #stop(): void {
    this.#started = false;
    this.#cancelRetry();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
