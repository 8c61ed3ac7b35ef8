import { backoffMs } from './backoff.js';
import type { ConnectionStats, RealtimeClient, RealtimeEvent } from './client.js';
import type { ClientOptions } from './options.js';
import type { Page, PageSignal } from './page.js';
import type { PollPage } from './poll.js';
import { ServerClient } from './server-client.js';
import { SSEClient } from './sse-client.js';
import { type LeaderWord, TabGroup } from './tab-group.js';
import { browserTabs, type Tabs } from './tabs.js';

const FAILURES_BEFORE_OFFLINE = 3;
/** What a tab that is still catching up puts by; if it's more, the reader reloads. */
const MOST_WAITING = 10_000;

/** Options of {@link SharedClient}. */
export interface SharedClientOptions extends ClientOptions {
  /**
   * Who is logged in, such as "tenant/user": tabs that give the same share a connection. Without it, the server is
   * asked before connecting.
   */
  readonly user?: string;
  /** Makes the client of the tab that holds the connection. Default: an {@link SSEClient}. */
  readonly create?: (options: ClientOptions) => RealtimeClient;
  /** For tests. `null`: each tab has a connection of its own. */
  readonly tabs?: Tabs | null;
}

/**
 * A {@link RealtimeClient} whose connection all tabs of the same user share. One tab leads: it holds the connection and
 * passes on what arrives. When it closes, freezes or hangs, another goes on from where that one stood itself. A tab
 * that joins, or may have missed something, catches up with a poll from its own cursor, while what is live waits.
 */
export class SharedClient extends ServerClient {
  readonly #shared: SharedClientOptions;
  readonly #tabs: Tabs | null;
  #group: TabGroup | null = null;
  /** The connection, in the tab that leads. */
  #inner: RealtimeClient | null = null;
  #tellInner: (signal: PageSignal) => void = () => {};
  /** What connections that this tab held before have dropped. */
  #duplicatesBefore = 0;
  /** Whether all up to the leader's cursor is here, or on its way from a poll. */
  #synced = false;
  /** What the leader said since a poll began that isn't answered yet. */
  #waiting: LeaderWord[] | null = null;

  constructor(options: SharedClientOptions = {}) {
    super(options);
    this.#shared = options;
    this.#tabs = options.tabs === undefined ? browserTabs() : options.tabs;
  }

  override get cursor(): string | null {
    return this.#inner?.cursor ?? this.position;
  }

  override get clockAhead(): number {
    return this.#known ?? 0;
  }

  override stats(): ConnectionStats {
    const stats = super.stats();
    // The connection drops what comes twice before it gets here.
    const dropped = this.#duplicatesBefore + (this.#inner?.stats().duplicates ?? 0);
    return { ...stats, duplicates: stats.duplicates + dropped };
  }

  protected override begin(): void {
    const { user } = this.#shared;
    if (this.#tabs === null) {
      this.#lead();
    } else if (user !== undefined) {
      this.setStatus({ state: 'connecting', retryAt: null });
      this.#join(this.#tabs, user);
    } else {
      this.#identify(this.#tabs);
    }
  }

  protected override release(): void {
    this.#dropInner();
    this.#group?.leave();
    this.#group = null;
    this.#synced = false;
    this.#waiting = null;
  }

  protected override onSignal(signal: PageSignal): void {
    if (signal === 'visible' || signal === 'hidden') this.#group?.visibilityChanged();
    if (signal === 'online' || signal === 'visible') this.poller?.hurry();
    this.#tellInner(signal);
  }

  /** Shows how asking who we are goes; later, the status is the leader's. */
  protected override show(): void {
    if (this.#group !== null || this.#inner !== null || this.poller === null) return;
    const { failures, pollAt } = this.poller;
    this.setStatus(
      failures > FAILURES_BEFORE_OFFLINE
        ? { state: 'offline', retryAt: pollAt, pollAt: null }
        : { state: 'connecting', retryAt: pollAt },
    );
  }

  #identify(tabs: Tabs): void {
    this.startPolling(
      (failures) => backoffMs(failures, this.random),
      ({ cursor, identity }) => {
        this.stopPolling();
        this.position ??= cursor;
        if (identity === null) this.#lead();
        else this.#join(tabs, JSON.stringify([identity.tenant, identity.user]));
      },
      () => null,
    );
  }

  #join(tabs: Tabs, user: string): void {
    const { baseUrl = '' } = this.options;
    this.#group = new TabGroup({
      tabs,
      name: `pgfeed/2 ${baseUrl} ${this.topics.toSorted().join()} ${user}`,
      clock: this.clock,
      random: this.random,
      isVisible: () => this.page.visible,
      onLead: () => this.#lead(),
      onFollow: () => {
        this.#dropInner();
        this.#synced = false;
        this.#waiting = null;
        this.stopPolling();
      },
      onWord: (word) => this.#hear(word),
      onAsked: () => {
        this.#sayState();
        this.#tellInner('tick');
      },
      onPresenter: (isPresenter) => this.setPresenter(isPresenter),
      onRefused: () => {
        this.release();
        this.setPresenter(true);
        this.#lead();
      },
    });
  }

  #lead(): void {
    this.stopPolling();
    this.#waiting = null;
    // Being put aside is dealt with here.
    const page: Page = {
      visible: this.page.visible,
      listen: (listener) => {
        this.#tellInner = listener;
        return () => {
          this.#tellInner = () => {};
        };
      },
    };
    const create = this.#shared.create ?? ((options) => new SSEClient(options));
    const inner = create({ ...this.options, page });
    this.#inner = inner;
    const pass = (event: RealtimeEvent) => {
      if (this.#inner !== inner) return;
      this.#group?.say({ kind: 'event', cursor: inner.cursor, event });
      this.deliver(event);
    };
    inner.subscribe('activity:new', pass);
    inner.subscribe('notification:new', pass);
    inner.subscribe('notification:read', pass);
    inner.onReset((reason) => {
      this.#group?.say({ kind: 'reset', cursor: inner.cursor, reason });
      this.reset(reason);
    });
    inner.onStatus((status) => {
      if (this.#inner !== inner) return;
      if (status.state === 'unauthorized') {
        // The other tabs find out for themselves: they may have another session.
        this.unauthorized(status.reason);
      } else if (status.state !== 'live' || this.isStill(status.identity)) {
        this.#sayState(status);
        this.setStatus(status);
        const isConnected = status.state === 'live' || status.state === 'polling';
        // A listener may have disconnected.
        if (this.#inner === inner && isConnected && inner.cursor !== null) this.tellForgotten();
      }
    });
    inner.connect(this.position === null ? {} : { cursor: this.position });
  }

  /** How far the clock here is ahead: a connection that has just begun has yet to be told, and says 0. */
  get #known(): number | null {
    return this.#inner?.clockAhead || this.ahead;
  }

  #sayState(status = this.status): void {
    this.#group?.say({ kind: 'state', cursor: this.cursor, status, clockAhead: this.#known });
  }

  #dropInner(): void {
    const inner = this.#inner;
    if (inner === null) return;
    this.position = this.cursor;
    this.ahead = this.#known;
    this.#duplicatesBefore += inner.stats().duplicates;
    this.#inner = null;
    inner.disconnect();
  }

  #hear(word: LeaderWord): void {
    const group = this.#group;
    if (word.kind === 'state') {
      if (word.status.state === 'live' && !this.isStill(word.status.identity)) return;
      // Not told yet; or the tab is one of an older version, which doesn't say.
      if (Number.isFinite(word.clockAhead)) this.ahead = word.clockAhead;
      // First, because whoever waits for a place to go on from looks when the status changes.
      this.position ??= word.cursor;
      this.setStatus(word.status);
      // A listener may have disconnected.
      if (this.#group !== group) return;
      if (!this.#synced && word.cursor !== null) this.#sync(word.cursor);
    } else if (!this.#synced) {
      group?.ask();
      return;
    }
    if (this.#waiting === null) {
      this.#take(word);
    } else if (this.#waiting.push(word) > MOST_WAITING) {
      this.stopPolling();
      this.#waiting = null;
      this.#take(word);
      this.reset('overflow');
    }
  }

  /** Makes sure that all up to the leader's cursor is here: what comes after it will be heard. */
  #sync(cursor: string): void {
    this.#synced = true;
    if (this.position === cursor) {
      this.tellForgotten();
      return;
    }
    this.#waiting = [];
    this.startPolling(
      (failures) => backoffMs(failures, this.random),
      (page) => this.#caughtUp(page),
    );
  }

  #caughtUp(page: PollPage): void {
    const { poller } = this;
    this.takePage(page);
    if (page.more || this.poller !== poller) return;
    this.stopPolling();
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const word of waiting) this.#take(word);
  }

  #take(word: LeaderWord): void {
    // A listener may have disconnected.
    if (!this.isStarted || !this.#synced) return;
    this.position = word.cursor ?? this.position;
    if (word.kind === 'event') this.deliver(word.event);
    else if (word.kind === 'reset') this.reset(word.reason);
  }
}
