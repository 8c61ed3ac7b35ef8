import type { Clock, RealtimeClient, RestApi } from '@pgfeed/client';
import type { GaplessLoader } from './gapless-loader.js';
import { isRefusal, pause, untilRetry } from './retry.js';

// A burst of events needs a count now and then, not one for each.
const PAUSE_MS = 250;

/**
 * Keeps a count of unread notifications that the server made. Answers can overtake one another: the one whose call
 * began last is believed.
 */
export class UnreadCount {
  readonly #loader: GaplessLoader;
  readonly #client: RealtimeClient;
  readonly #api: RestApi;
  readonly #clock: Clock;
  readonly #onCount: (unread: number) => void;
  #begun = 0;
  #believed = 0;
  #busy = false;
  #wanted = false;
  #abort = new AbortController();

  constructor(
    loader: GaplessLoader,
    client: RealtimeClient,
    api: RestApi,
    clock: Clock,
    onCount: (unread: number) => void,
  ) {
    this.#loader = loader;
    this.#client = client;
    this.#api = api;
    this.#clock = clock;
    this.#onCount = onCount;
  }

  /** Call it where a call that brings a count begins, and what it returns with the count. */
  begin(): (unread: number) => void {
    this.#begun++;
    const order = this.#begun;
    return (unread) => {
      if (order < this.#believed || this.#loader.isForeign) return;
      this.#believed = order;
      this.#onCount(unread);
    };
  }

  /** Asks the server for the count, until it gives it. */
  refresh(): void {
    this.#wanted = true;
    if (!this.#busy) void this.#run(this.#abort.signal);
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#busy = false;
    this.#wanted = false;
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#busy = true;
    // Another user's count comes with their list.
    for (let failures = 0; this.#wanted && !signal.aborted && !this.#loader.isForeign;) {
      this.#wanted = false;
      const believe = this.begin();
      try {
        const page = await this.#api.listNotifications({ limit: 1, signal });
        if (signal.aborted) return;
        believe(page.unread);
        failures = 0;
        await pause(this.#clock, PAUSE_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        // After a refusal, the next event or the next load brings the count up to date again.
        this.#wanted ||= !isRefusal(error);
        await untilRetry(this.#client, this.#clock, error, failures, signal);
      }
    }
    if (!signal.aborted) this.#busy = false;
  }
}
