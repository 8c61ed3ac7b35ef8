import type {
  Channel,
  ConnectionStats,
  ConnectionStatus,
  ConnectOptions,
  EventListener,
  RealtimeClient,
  RealtimeEvent,
  ResetReason,
  Unsubscribe,
} from './client.js';
import type { Clock } from './clock.js';
import { Listeners } from './listeners.js';
import { SeenIds } from './seen.js';
import { StatsRecorder } from './stats.js';

type AnyListener = (event: RealtimeEvent) => void;

/** What all clients have in common: listeners, the cursor, the status, and that nothing is delivered twice. */
export abstract class BaseClient implements RealtimeClient {
  readonly #channels = new Map<Channel, Map<AnyListener, Unsubscribe>>();
  readonly #events = new Map<Channel, Listeners<RealtimeEvent>>();
  readonly #statusListeners = new Listeners<ConnectionStatus>();
  readonly #resetListeners = new Listeners<ResetReason>();
  readonly #presenterListeners = new Listeners<boolean>();
  readonly #seen: SeenIds;
  readonly #stats: StatsRecorder;
  #status: ConnectionStatus = { state: 'closed' };
  #presenter = true;
  /** Where to go on from. */
  protected position: string | null;
  /** What `clockAhead` says; `null` until the server has told. */
  protected ahead: number | null = null;

  protected constructor(clock: Clock, cursor: string | null, remember?: number) {
    this.#stats = new StatsRecorder(clock);
    this.#seen = new SeenIds(remember);
    this.position = cursor;
  }

  abstract connect(options?: ConnectOptions): boolean;
  abstract disconnect(): void;

  get status(): ConnectionStatus {
    return this.#status;
  }

  get cursor(): string | null {
    return this.position;
  }

  get clockAhead(): number {
    return this.ahead ?? 0;
  }

  get isPresenter(): boolean {
    return this.#presenter;
  }

  stats(): ConnectionStats {
    return this.#stats.snapshot();
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

  onPresenter(listener: (isPresenter: boolean) => void): Unsubscribe {
    return this.#presenterListeners.add(listener);
  }

  /** Hands an event to its listeners, unless it was here before. */
  protected deliver(event: RealtimeEvent): void {
    if (!this.#seen.add(event.id)) {
      this.#stats.duplicate();
      return;
    }
    this.#stats.event();
    this.#events.get(event.event)?.call(event);
  }

  protected reset(reason: ResetReason): void {
    // Another history may give out the same ids again.
    if (reason === 'epoch' || reason === 'invalid') this.#seen.clear();
    this.#stats.reset();
    this.#resetListeners.call(reason);
  }

  protected setStatus(status: ConnectionStatus): void {
    if (sameStatus(this.#status, status)) return;
    this.#status = status;
    this.#stats.status(status);
    this.#statusListeners.call(status);
  }

  protected setPresenter(isPresenter: boolean): void {
    if (this.#presenter === isPresenter) return;
    this.#presenter = isPresenter;
    this.#presenterListeners.call(isPresenter);
  }

  /** Leaves the time until the next change of status out of the figures: the browser has put the page aside. */
  protected pauseStats(): void {
    this.#stats.status({ state: 'closed' });
  }
}

function sameStatus(a: ConnectionStatus, b: ConnectionStatus): boolean {
  // Connections differ in their `since`, so that a `live` that comes again, as from another tab, is the same one.
  return JSON.stringify(a) === JSON.stringify(b);
}
