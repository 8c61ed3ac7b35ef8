/**
 * How many ids are remembered unless told otherwise. What a server sends again is part of one replay, and a gateway
 * gives at most 10,000 events in one (its `--max-replay`) before it says `reset`; the rest is for what is live meanwhile.
 */
const REMEMBERED_IDS = 16_384;

/** Remembers the last so many ids, to tell an event that comes a second time. */
export class SeenIds {
  readonly #ids = new Set<string>();
  readonly #limit: number;

  constructor(limit = REMEMBERED_IDS) {
    this.#limit = limit;
  }

  /** Remembers an id; false when it was known already. */
  add(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > this.#limit) {
      // A Set iterates in insertion order, so the first is the oldest.
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest);
        break;
      }
    }
    return true;
  }

  clear(): void {
    this.#ids.clear();
  }
}
