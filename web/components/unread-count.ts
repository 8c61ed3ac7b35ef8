import type { Clock, RestApi, Unsubscribe } from '@pgfeed/client';

// A burst of events needs a count now and then, not one for each.
const PAUSE_MS = 250;

/**
 * Keeps a count of unread notifications that the server made. Answers can overtake one another: the one whose call
 * began last is believed.
 */
export class UnreadCount {
  readonly #api: RestApi;
  readonly #clock: Clock;
  readonly #onCount: (unread: number) => void;
  #begun = 0;
  #believed = 0;
  #busy = false;
  #again = false;
  #cancel: Unsubscribe = () => {};
  #abort = new AbortController();

  constructor(api: RestApi, clock: Clock, onCount: (unread: number) => void) {
    this.#api = api;
    this.#clock = clock;
    this.#onCount = onCount;
  }

  /** Call it where a call that brings a count begins, and what it returns with the count. */
  begin(): (unread: number) => void {
    this.#begun++;
    const order = this.#begun;
    return (unread) => {
      if (order < this.#believed) return;
      this.#believed = order;
      this.#onCount(unread);
    };
  }

  /** Asks the server for the count. */
  refresh(): void {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    this.#again = false;
    const { signal } = this.#abort;
    const believe = this.begin();
    this.#api
      .listNotifications({ limit: 1, signal })
      .then(
        (page) => {
          if (!signal.aborted) believe(page.unread);
        },
        // The next event, or the next load, brings the count up to date again.
        () => {},
      )
      .finally(() => {
        if (signal.aborted) return;
        this.#cancel = this.#clock.after(PAUSE_MS, () => {
          this.#busy = false;
          if (this.#again) this.refresh();
        });
      });
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#cancel();
    this.#busy = false;
    this.#again = false;
  }
}
