import { Listeners } from '@pgfeed/client';
import type { Unsubscribe } from '@pgfeed/client';

/** Where small settings are kept. Never throws: what can't be kept is forgotten. */
export interface Settings {
  get(key: string): string | null;
  set(key: string, value: string): void;
  /** Calls `listener` after a change of `key`, also one made in another tab. */
  onChange(key: string, listener: () => void): Unsubscribe;
}

/** Settings that live as long as the page. */
export class MemorySettings implements Settings {
  readonly #values = new Map<string, string>();
  readonly #changes = new Listeners<string>();

  get(key: string): string | null {
    return this.#values.get(key) ?? null;
  }

  set(key: string, value: string): void {
    this.#values.set(key, value);
    this.#changes.call(key);
  }

  onChange(key: string, listener: () => void): Unsubscribe {
    return this.#changes.add((changed) => {
      if (changed === key) listener();
    });
  }
}

/** Settings in the browser's localStorage; where that is forbidden or full, in memory. */
export class BrowserSettings implements Settings {
  readonly #prefix: string;
  readonly #memory = new MemorySettings();

  /** `prefix` keeps them apart from other users' and other applications'. */
  constructor(prefix: string) {
    this.#prefix = `${prefix}:`;
  }

  get(key: string): string | null {
    try {
      return localStorage.getItem(this.#prefix + key) ?? this.#memory.get(key);
    } catch {
      return this.#memory.get(key);
    }
  }

  set(key: string, value: string): void {
    try {
      localStorage.setItem(this.#prefix + key, value);
    } catch {
      // A private window, or no space left: the memory below has it.
    }
    this.#memory.set(key, value);
  }

  onChange(key: string, listener: () => void): Unsubscribe {
    const onStorage = (event: StorageEvent) => {
      if (event.key === this.#prefix + key || event.key === null) listener();
    };
    const stopOwn = this.#memory.onChange(key, listener);
    globalThis.addEventListener('storage', onStorage);
    return () => {
      stopOwn();
      globalThis.removeEventListener('storage', onStorage);
    };
  }
}
