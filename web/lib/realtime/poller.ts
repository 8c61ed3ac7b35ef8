import type { Clock } from './clock.js';
import { poll, type PollResult } from './poll.js';
import type { Access } from './request.js';

/** What a poller asks for, and whom it tells. */
export interface PollerOptions {
  readonly access: Access;
  readonly topics: readonly string[];
  readonly clock: Clock;
  readonly cursor: () => string | null;
  /** How long to wait for the next poll after so many failures in a row; 0 failures: after a success. */
  readonly waitMs: (failures: number) => number;
  /** Takes an answer. */
  readonly onResult: (result: PollResult) => void;
  /** `failures` or `pollAt` has changed. */
  readonly onChange: () => void;
}

/** Polls over and over, from the first `hurry` until it is stopped. */
export class Poller {
  readonly #options: PollerOptions;
  readonly #abort = new AbortController();
  #failures = 0;
  #answered = false;
  #pollAt: number | null;
  /** The server wants no request before. */
  #notBefore = 0;
  #cancelWait = () => {};

  constructor(options: PollerOptions) {
    this.#options = options;
    this.#pollAt = options.clock.now();
  }

  /** Polls in a row that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether a poll has succeeded. */
  get answered(): boolean {
    return this.#answered;
  }

  /** The clock's time of the next poll; `null` while one is under way. */
  get pollAt(): number | null {
    return this.#pollAt;
  }

  stop(): void {
    this.#abort.abort();
    this.#cancelWait();
  }

  /** Polls now rather than later, unless the server asked for patience. */
  hurry(): void {
    if (this.#pollAt === null || this.#options.clock.now() < this.#notBefore) return;
    void this.#poll();
  }

  /** Makes up for a timer that is late. */
  tick(): void {
    if (this.#pollAt !== null && this.#options.clock.now() >= this.#pollAt) void this.#poll();
  }

  async #poll(): Promise<void> {
    const { access, topics, clock, cursor } = this.#options;
    const { signal } = this.#abort;
    this.#cancelWait();
    this.#pollAt = null;
    this.#options.onChange();
    let wait = 0;
    for (let more = true; more && !signal.aborted;) {
      const result = await poll({ access, topics, clock, cursor: cursor(), signal });
      if (signal.aborted) return;
      more = result.kind === 'page' && result.more;
      this.#failures = result.kind === 'page' ? 0 : this.#failures + 1;
      this.#answered ||= result.kind === 'page';
      wait = this.#options.waitMs(this.#failures);
      if (result.kind === 'failed' && result.retryAfterMs !== null) {
        wait = Math.max(wait, result.retryAfterMs);
        this.#notBefore = clock.now() + result.retryAfterMs;
      }
      this.#options.onResult(result);
    }
    // A listener may have disconnected.
    if (signal.aborted) return;
    this.#pollAt = clock.now() + wait;
    this.#options.onChange();
    this.#cancelWait = clock.after(wait, () => void this.#poll());
  }
}
