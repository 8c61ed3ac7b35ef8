import type { TabLocks } from './tabs.js';

/** Whom an election tells. */
export interface ElectionHandlers {
  readonly onWon: () => void;
  /** Another tab has stolen the lock. */
  readonly onLost: () => void;
  /** The browser doesn't let this page use locks. */
  readonly onRefused: () => void;
}

/** Lets one tab at a time lead: the one that holds a lock, which the browser hands on when a tab closes or dies. */
export class Election {
  readonly #locks: TabLocks;
  readonly #name: string;
  readonly #handlers: ElectionHandlers;
  /** The candidature of the moment: ends it, whether it waits or holds the lock. */
  #withdraw: (() => void) | null = null;

  constructor(locks: TabLocks, name: string, handlers: ElectionHandlers) {
    this.#locks = locks;
    this.#name = name;
    this.#handlers = handlers;
  }

  /** Leads as soon as nobody else does, or at once with `steal`: a tab that is frozen keeps its lock. */
  stand(steal = false): void {
    this.leave();
    const abort = new AbortController();
    let release: (() => void) | null = null;
    const withdraw = () => {
      abort.abort();
      release?.();
    };
    this.#withdraw = withdraw;
    const hold = () =>
      new Promise<void>((resolve) => {
        release = resolve;
        if (this.#withdraw === withdraw) this.#handlers.onWon();
        else resolve();
      });
    this.#locks
      .request(this.#name, steal ? { steal: true } : { signal: abort.signal }, hold)
      .catch(() => {
        // It rejects as well when it is withdrawn.
        if (this.#withdraw !== withdraw) return;
        this.#withdraw = null;
        if (release === null) this.#handlers.onRefused();
        else this.#handlers.onLost();
      });
  }

  /** Waits no longer, or leads no longer. */
  leave(): void {
    const withdraw = this.#withdraw;
    this.#withdraw = null;
    withdraw?.();
  }
}
