import type { Unsubscribe } from './client.js';

/** Functions that want to be called; one that throws doesn't keep the others from it. */
export class Listeners<T> {
  #all: readonly ((value: T) => void)[] = [];

  add(listener: (value: T) => void): Unsubscribe {
    // A wrapper of its own, so that adding a function twice and removing it once leaves one.
    const entry = (value: T) => listener(value);
    this.#all = [...this.#all, entry];
    return () => {
      this.#all = this.#all.filter((other) => other !== entry);
    };
  }

  call(value: T): void {
    for (const listener of this.#all) {
      try {
        listener(value);
      } catch (error) {
        // Shows up as an uncaught error of the page, where the application's own error reporting sees it.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
