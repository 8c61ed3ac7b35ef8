import { BaseClient } from '../base-client.js';
import type {
  ConnectionStatus,
  ConnectOptions,
  Identity,
  RealtimeEvent,
  ResetReason,
} from '../client.js';
import { type Clock, systemClock } from '../clock.js';

/**
 * A {@link RealtimeClient} without a server, for tests of applications: `connect` makes it live, and what happens next
 * the test says. Events published while it isn't live wait until it is.
 */
export class FakeClient extends BaseClient {
  readonly #clock: Clock;
  readonly #identity: Identity;
  readonly #published: RealtimeEvent[] = [];
  #position = 0;

  constructor(options: { readonly clock?: Clock; readonly identity?: Identity } = {}) {
    const clock = options.clock ?? systemClock;
    super(clock, null);
    this.#clock = clock;
    this.#identity = options.identity ?? { tenant: 'acme', user: 'ada' };
  }

  override connect(options: ConnectOptions = {}): boolean {
    const { state } = this.status;
    if (state !== 'closed' && state !== 'unauthorized') return false;
    if (options.cursor !== undefined) this.#position = Number(options.cursor.slice(1));
    else if (this.position === null) this.#position = this.#published.length;
    this.show({ state: 'connecting', retryAt: null });
    this.goLive();
    return true;
  }

  override disconnect(): void {
    this.show({ state: 'closed' });
  }

  /** Connects, and delivers what was published meanwhile. */
  goLive(): void {
    this.show({ state: 'live', since: this.#clock.now(), identity: this.#identity });
    this.#deliverNew();
  }

  /** Shows any status: `connecting`, `offline`, `polling` … Events are delivered while it is live or polling. */
  show(status: ConnectionStatus): void {
    this.setStatus(status);
    this.#deliverNew();
  }

  /** Lets events happen. */
  publish(...events: readonly RealtimeEvent[]): void {
    this.#published.push(...events);
    this.#deliverNew();
  }

  /** Delivers an event again, which the listeners don't notice. */
  repeat(event: RealtimeEvent): void {
    this.deliver(event);
  }

  /** Says that something may have been missed. */
  override reset(reason: ResetReason): void {
    super.reset(reason);
  }

  /** Decides whether toasts and sounds happen here. */
  present(isPresenter: boolean): void {
    this.setPresenter(isPresenter);
  }

  #deliverNew(): void {
    // A listener may disconnect in the middle.
    while (isConnected(this.status)) {
      const event = this.#published[this.#position];
      this.position = `c${this.#position}`;
      if (event === undefined) return;
      this.position = `c${++this.#position}`;
      this.deliver(event);
    }
  }
}

function isConnected({ state }: ConnectionStatus): boolean {
  return state === 'live' || state === 'polling';
}
