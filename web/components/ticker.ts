import type { Clock, Unsubscribe } from '@pgfeed/client';
import { Listeners } from '@pgfeed/client';

/**
 * One timer for all relative times of a page: what it says changes every `interval` milliseconds, and when a page that
 * was hidden or asleep is looked at again. It runs only while somebody listens.
 */
export class Ticker {
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #listeners = new Listeners<void>();
  #count = 0;
  #now: number;
  #cancel: Unsubscribe = () => {};

  constructor(clock: Clock, interval: number) {
    this.#clock = clock;
    this.#interval = interval;
    this.#now = clock.now();
  }

  /** The time of the last tick: the same for everyone until the next. */
  readonly now = (): number => this.#now;

  readonly subscribe = (listener: () => void): Unsubscribe => {
    const remove = this.#listeners.add(listener);
    this.#count++;
    if (this.#count === 1) {
      this.#now = this.#clock.now();
      this.#schedule();
      globalThis.document?.addEventListener('visibilitychange', this.#onVisible);
    }
    let listening = true;
    return () => {
      if (!listening) return;
      listening = false;
      remove();
      this.#count--;
      if (this.#count > 0) return;
      this.#cancel();
      globalThis.document?.removeEventListener('visibilitychange', this.#onVisible);
    };
  };

  readonly #onVisible = (): void => {
    if (globalThis.document?.visibilityState === 'visible') this.#tick();
  };

  #tick(): void {
    this.#now = this.#clock.now();
    this.#listeners.call();
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(this.#interval, () => {
      this.#schedule();
      this.#tick();
    });
  }
}
