import type { Clock } from '../clock.js';
import type { Fetch } from '../request.js';
import type { TabChannel, TabLocks, Tabs } from '../tabs.js';
import { ManualPage } from './manual-page.js';

/** A lock that a tab wants, waits for or has. */
interface LockRequest {
  readonly tab: FakeTab;
  readonly grant: () => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface OpenChannel {
  readonly tab: FakeTab;
  readonly name: string;
  readonly receive: (message: unknown) => void;
}

/** A browser with tabs, whose locks and channels work as Web Locks and BroadcastChannel do. */
export class FakeBrowser {
  readonly #clock: Clock;
  readonly held = new Map<string, LockRequest>();
  readonly waiting = new Map<string, LockRequest[]>();
  readonly channels = new Set<OpenChannel>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  openTab(): FakeTab {
    return new FakeTab(this, this.#clock);
  }

  /** Gives a free lock to the next in its queue. */
  grantNext(name: string): void {
    if (this.held.has(name)) return;
    const next = this.waiting.get(name)?.shift();
    if (next !== undefined) this.grant(name, next);
  }

  grant(name: string, request: LockRequest): void {
    this.held.set(name, request);
    request.tab.run(() => {
      void request.grant().then(() => {
        request.resolve();
        if (this.held.get(name) !== request) return;
        this.held.delete(name);
        this.grantNext(name);
      });
    });
  }

  /** What the browser does for a tab that is gone. */
  forget(tab: FakeTab): void {
    for (const channel of this.channels) if (channel.tab === tab) this.channels.delete(channel);
    for (const [name, queue] of this.waiting) {
      this.waiting.set(
        name,
        queue.filter((request) => request.tab !== tab),
      );
    }
    for (const [name, request] of this.held) {
      if (request.tab !== tab) continue;
      this.held.delete(name);
      this.grantNext(name);
    }
  }
}

/** One tab: what its client is given as `tabs`, `page` and `clock`. */
export class FakeTab implements Tabs {
  readonly page = new ManualPage();
  readonly clock: Clock;
  readonly locks: TabLocks;
  readonly #browser: FakeBrowser;
  /** What waits until the tab is thawed; `null` while it runs. */
  #frozen: (() => void)[] | null = null;
  readonly #gone = new AbortController();

  constructor(browser: FakeBrowser, clock: Clock) {
    this.#browser = browser;
    this.clock = {
      now: () => clock.now(),
      after: (milliseconds, callback) => clock.after(milliseconds, () => this.run(callback)),
    };
    this.locks = {
      request: (name, options, callback) =>
        new Promise((resolve, reject) => {
          const fail = (error: unknown) => this.run(() => reject(error));
          const request = { tab: this, grant: callback, resolve, reject: fail };
          if ('steal' in options) {
            browser.held.get(name)?.reject(new DOMException('stolen', 'AbortError'));
            browser.grant(name, request);
            return;
          }
          const queue = browser.waiting.get(name) ?? [];
          browser.waiting.set(name, queue);
          queue.push(request);
          options.signal.addEventListener('abort', () => {
            // Once granted, a lock isn't taken away by the signal.
            const at = browser.waiting.get(name)?.indexOf(request) ?? -1;
            if (at < 0) return;
            browser.waiting.get(name)?.splice(at, 1);
            reject(new DOMException('aborted', 'AbortError'));
          });
          queueMicrotask(() => browser.grantNext(name));
        }),
    };
  }

  openChannel(name: string, onMessage: (message: unknown) => void): TabChannel {
    const channel = { tab: this, name, receive: onMessage };
    this.#browser.channels.add(channel);
    return {
      post: (message) => {
        if (this.#gone.signal.aborted) return;
        if (!this.#browser.channels.has(channel)) throw new Error('the channel is closed');
        const copy: unknown = structuredClone(message);
        for (const other of this.#browser.channels) {
          if (other === channel || other.name !== name) continue;
          other.tab.run(() => {
            if (this.#browser.channels.has(other)) other.receive(structuredClone(copy));
          });
        }
      },
      close: () => this.#browser.channels.delete(channel),
    };
  }

  /** A `fetch` of this tab: what it receives waits while it is frozen, and ends with it. */
  fetch(inner: Fetch): Fetch {
    return async (url, init) => {
      const signal = AbortSignal.any([this.#gone.signal, ...(init.signal ? [init.signal] : [])]);
      const response = await inner(url, { ...init, signal });
      await new Promise<void>((resolve) => this.run(resolve));
      const reader = response.body?.getReader();
      if (reader === undefined) return response;
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) =>
          reader.read().then(
            ({ done, value }) =>
              this.run(() => (done ? controller.close() : controller.enqueue(value))),
            (error: unknown) => this.run(() => controller.error(error)),
          ),
      });
      return new Response(body, { status: response.status, headers: response.headers });
    };
  }

  /** Runs a task of the tab's, soon, or when it is thawed. */
  run(task: () => void): void {
    if (this.#gone.signal.aborted) return;
    if (this.#frozen !== null) this.#frozen.push(task);
    else {
      queueMicrotask(() => {
        if (this.#frozen !== null) this.#frozen.push(task);
        else if (!this.#gone.signal.aborted) task();
      });
    }
  }

  /** Stops all its code, without telling it before. Its locks stay. */
  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const tasks = this.#frozen ?? [];
    this.#frozen = null;
    for (const task of tasks) this.run(task);
  }

  /** Ends it without a word, as a crash or a closed window does. */
  kill(): void {
    this.#gone.abort();
    this.#browser.forget(this);
  }
}
