import { Listeners } from '@pgfeed/client';
import type { Unsubscribe } from '@pgfeed/client';

/** A value that can be watched, with work behind it that runs as long as somebody needs it. */
export abstract class LiveStore<T> {
  readonly #initial: T;
  readonly #listeners = new Listeners<void>();
  #value: T;
  #users = 0;
  #stop: Unsubscribe | null = null;

  constructor(initial: T) {
    this.#initial = initial;
    this.#value = initial;
  }

  /** The value now. The same object until it changes. */
  readonly get = (): T => this.#value;

  /** The value before any work was done, which is what a server renders. */
  readonly getInitial = (): T => this.#initial;

  /** Calls `listener` after each change. */
  readonly subscribe = (listener: () => void): Unsubscribe => this.#listeners.add(listener);

  /** Starts the work for the first who needs it; what it returns stops it for the last. */
  readonly retain = (): Unsubscribe => {
    this.#users++;
    if (this.#users === 1) this.#stop = this.start();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#users--;
      if (this.#users > 0) return;
      this.#stop?.();
      this.#stop = null;
    };
  };

  /** Begins the work, and returns what ends it and releases everything. */
  protected abstract start(): Unsubscribe;

  protected set(value: T): void {
    if (Object.is(this.#value, value)) return;
    this.#value = value;
    this.#listeners.call();
  }

  protected patch(part: Partial<T>): void {
    this.set({ ...this.#value, ...part });
  }
}
