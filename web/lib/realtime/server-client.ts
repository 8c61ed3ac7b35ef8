import { BaseClient } from './base-client.js';
import type { ConnectOptions, Identity, Unsubscribe } from './client.js';
import { type Clock, systemClock } from './clock.js';
import type { ClientOptions, Topic } from './options.js';
import { browserPage, type Page, type PageSignal } from './page.js';
import type { PollPage, PollResult } from './poll.js';
import { Poller } from './poller.js';

/** What the clients that speak to a server themselves have in common: start and stop, the page, who we are, polls. */
export abstract class ServerClient extends BaseClient {
  protected readonly options: ClientOptions;
  protected readonly topics: readonly Topic[];
  protected readonly clock: Clock;
  protected readonly random: () => number;
  protected poller: Poller | null = null;
  /** The browser says that it has no network. */
  protected offline = false;
  protected readonly page: Page;
  /** From `connect` to `disconnect`: stops listening to the page. `null` when stopped. */
  #leavePage: Unsubscribe | null = null;
  #suspended = false;
  #identity: Identity | null = null;
  /** Our cursor is of no use any more, and the listeners of resets haven't been told yet. */
  #forgotten = false;

  constructor(options: ClientOptions = {}) {
    const clock = options.clock ?? systemClock;
    super(clock, options.cursor ?? null, options.remember);
    this.options = options;
    this.topics = options.topics ?? ['activity', 'notification'];
    this.clock = clock;
    this.random = options.random ?? Math.random;
    this.page = options.page ?? browserPage;
  }

  /** Starts from the position. */
  protected abstract begin(): void;
  /** Ends all that is under way, but for the poller. */
  protected abstract release(): void;
  /** Shows what it is doing about a connection that isn't there. */
  protected abstract show(): void;
  protected abstract onSignal(signal: Exclude<PageSignal, 'suspend' | 'resume'>): void;

  connect(options: ConnectOptions = {}): boolean {
    if (this.#leavePage !== null) return false;
    this.#leavePage = this.page.listen((signal) => this.#signal(signal));
    if (options.cursor !== undefined) {
      // A cursor that was forgotten is told of all the same: only whoever gave this one has loaded anew.
      this.position = options.cursor;
      this.#identity = null;
    }
    this.#suspended = false;
    this.offline = false;
    this.begin();
    return true;
  }

  disconnect(): void {
    this.#stop();
    this.setStatus({ state: 'closed' });
  }

  protected get isStarted(): boolean {
    return this.#leavePage !== null;
  }

  protected startPolling(
    waitMs: (failures: number) => number,
    onPage: (page: PollPage) => void = (page) => this.takePage(page),
    cursor: () => string | null = () => this.position,
  ): void {
    if (this.poller !== null) return;
    this.poller = new Poller({
      access: this.options,
      topics: this.topics,
      clock: this.clock,
      cursor,
      waitMs,
      onResult: (result) => this.#polled(result, onPage),
      onChange: () => this.show(),
    });
    this.poller.hurry();
  }

  protected stopPolling(): void {
    this.poller?.stop();
    this.poller = null;
  }

  /** Whether we are who we were; if not, all stops, lest one user's page shows another's events. */
  protected isStill(identity: Identity): boolean {
    const before = this.#identity;
    this.#identity = identity;
    if (before === null || (before.tenant === identity.tenant && before.user === identity.user)) {
      return true;
    }
    this.unauthorized('identity');
    return false;
  }

  protected forgetCursor(): void {
    this.position = null;
    this.#forgotten = true;
  }

  /** Only once there is a new place to go on from, or what happens during the reload would be missed. */
  protected tellForgotten(): void {
    if (!this.#forgotten) return;
    this.#forgotten = false;
    this.reset('invalid');
  }

  protected unauthorized(reason: 'session' | 'identity'): void {
    this.#stop();
    if (reason === 'identity') {
      this.#identity = null;
      this.forgetCursor();
    }
    this.setStatus({ state: 'unauthorized', reason });
  }

  protected takePage(page: PollPage): void {
    const { poller } = this;
    if (page.reset !== null || this.#forgotten) {
      // Before the events: a reload that begins now holds them all, and needs a place to go on from.
      this.position = page.cursor;
      this.tellForgotten();
      // A listener may have disconnected, here and below.
      if (this.poller !== poller) return;
      if (page.reset !== null) this.reset(page.reset);
    }
    for (const event of page.events) {
      // The page comes again then, and what of it was delivered is dropped.
      if (this.poller !== poller) return;
      this.deliver(event);
    }
    if (this.poller === poller) this.position = page.cursor;
  }

  #polled(result: PollResult, onPage: (page: PollPage) => void): void {
    if (result.kind === 'unauthorized') {
      this.unauthorized('session');
    } else if (result.kind === 'failed') {
      if (result.badCursor) this.forgetCursor();
    } else if (result.identity === null || this.isStill(result.identity)) {
      if (result.time !== null) this.ahead = this.clock.now() - result.time;
      // Whatever the browser says.
      this.offline = false;
      onPage(result);
    }
  }

  #signal(signal: PageSignal): void {
    if (signal === 'suspend') {
      this.#suspended = true;
      this.stopPolling();
      this.release();
      this.pauseStats();
    } else if (signal === 'resume') {
      if (!this.#suspended) return;
      this.#suspended = false;
      this.begin();
    } else if (!this.#suspended) {
      this.onSignal(signal);
    }
  }

  #stop(): void {
    this.#leavePage?.();
    this.#leavePage = null;
    this.stopPolling();
    this.release();
  }
}
