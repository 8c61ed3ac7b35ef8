import type { Unsubscribe } from '../client.js';
import type { Page, PageSignal } from '../page.js';

/** A page to which only that happens what a test says. */
export class ManualPage implements Page {
  visible = true;
  readonly #listeners = new Set<(signal: PageSignal) => void>();

  listen(listener: (signal: PageSignal) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets something happen to the page. */
  signal(signal: PageSignal): void {
    if (signal === 'visible') this.visible = true;
    if (signal === 'hidden') this.visible = false;
    for (const listener of this.#listeners) listener(signal);
  }

  /** How many listen: none after everything was released. */
  get listening(): number {
    return this.#listeners.size;
  }
}
