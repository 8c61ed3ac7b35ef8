import type { Clock, ConnectionStatus, RealtimeClient, Unsubscribe } from '@pgfeed/client';
import { LiveStore } from './live-store.js';

// A cut that is mended sooner needs no reader's attention.
const SETTLE_MS = 2_000;

const starting: ConnectionStatus = { state: 'connecting', retryAt: null };

/**
 * The connection's status as it should be shown: a connection that is lost and comes back within two seconds stays
 * `live`, and one that is about to start is `connecting`.
 */
export class SettledStatus extends LiveStore<ConnectionStatus> {
  readonly #client: RealtimeClient;
  readonly #clock: Clock;
  readonly #isAboutToStart: () => boolean;
  #cancel: Unsubscribe | null = null;

  constructor(client: RealtimeClient, clock: Clock, isAboutToStart: () => boolean) {
    super(starting);
    this.#client = client;
    this.#clock = clock;
    this.#isAboutToStart = isAboutToStart;
  }

  protected start(): Unsubscribe {
    const stop = this.#client.onStatus(() => this.#update());
    this.#update();
    return () => {
      stop();
      this.#cancelWait();
    };
  }

  #update(): void {
    const { state } = this.#client.status;
    const shown = this.get().state;
    const waits =
      (state === 'connecting' && shown === 'live') || (state === 'closed' && shown !== 'closed');
    if (waits) {
      this.#cancel ??= this.#clock.after(SETTLE_MS, () => this.#settle());
    } else {
      this.#show();
    }
  }

  #settle(): void {
    this.#cancelWait();
    if (this.#client.status.state !== 'closed' || !this.#isAboutToStart()) {
      this.#show();
      return;
    }
    this.set(starting);
    this.#update();
  }

  #show(): void {
    this.#cancelWait();
    this.set(this.#client.status);
  }

  #cancelWait(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
