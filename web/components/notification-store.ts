import type {
  Clock,
  NotificationEvent,
  NotificationPage,
  RealtimeClient,
  RestApi,
  Unsubscribe,
} from '@pgfeed/client';
import { Listeners } from '@pgfeed/client';
import { GaplessLoader, type LoadedPage, type LoadState, messageOf } from './gapless-loader.js';
import { LiveStore } from './live-store.js';
import { OlderPages, type OlderState } from './older-pages.js';
import { type Notification, type ReadState, toNotification } from './rows.js';
import { indexOf } from './seen-mark.js';
import type { Settings } from './settings.js';
import { UnreadCount } from './unread-count.js';

const PAGE_SIZE = 30;
// A page that stays open for days shouldn't grow without end; older ones can be loaded again.
const MOST_ITEMS = 300;
const SEEN = 'notification-seen';

/** What couldn't be marked as read, and why. */
export interface ReadFailure {
  /** The notification's title; `null` where all were to be marked. */
  readonly title: string | null;
  readonly message: string;
}

/** A notification that came over the stream. */
export interface Arrival {
  readonly notification: Notification;
  /** Milliseconds since it was recorded, both by the server's clock. */
  readonly age: number;
}

/** What the stream said of a notification. */
interface Heard {
  readonly item: Notification;
  /** That it was created, and not only that it was read. */
  readonly isNew: boolean;
}

/** The user's notifications, newest first. */
export interface NotificationSnapshot {
  readonly items: readonly Notification[];
  /** As the server counts, which also knows those that aren't in the list. */
  readonly unread: number;
  /** Unread ones came since the list was last looked at in this browser. */
  readonly unseen: boolean;
  readonly state: LoadState;
  readonly older: OlderState;
  readonly failure: ReadFailure | null;
}

const initial: NotificationSnapshot = {
  items: [],
  unread: 0,
  unseen: false,
  state: { kind: 'loading' },
  older: { kind: 'none' },
  failure: null,
};

/** Loads the user's notifications, goes on live, and marks them as read. */
export class NotificationStore extends LiveStore<NotificationSnapshot> {
  readonly #client: RealtimeClient;
  readonly #api: RestApi;
  readonly #clock: Clock;
  readonly #settings: Settings;
  readonly #loader: GaplessLoader;
  readonly #older: OlderPages<NotificationPage>;
  readonly #count: UnreadCount;
  readonly #arrivals = new Listeners<Arrival>();
  /** The topmost when another tab saw something that wasn't here yet. */
  #seenHere: string | null = null;
  /** What the stream said since the last load began, by id: a page that is being loaded may be older. */
  readonly #heard = new Map<string, Heard>();
  /** The new one with the highest id of those that `#heard` had no room for. */
  #left: Notification | null = null;

  constructor(client: RealtimeClient, api: RestApi, clock: Clock, settings: Settings) {
    super(initial);
    this.#client = client;
    this.#api = api;
    this.#clock = clock;
    this.#settings = settings;
    this.#loader = new GaplessLoader(
      client,
      clock,
      (signal) => this.#load(signal),
      (state) => this.patch({ state }),
    );
    this.#count = new UnreadCount(this.#loader, client, api, clock, (unread) =>
      this.patch({ unread }),
    );
    this.#older = new OlderPages(
      this.#loader,
      (before, signal) => api.listNotifications({ limit: PAGE_SIZE, before, signal }),
      (page, older) => this.#append(page, older),
      (older) => this.patch({ older }),
    );
  }

  /** Whether a load is under way, after which the client is started. */
  get isLoading(): boolean {
    return this.#loader.isLoading;
  }

  /** Calls `listener` with each notification that comes over the stream, but not with those of the history. */
  onArrival(listener: (arrival: Arrival) => void): Unsubscribe {
    return this.#arrivals.add(listener);
  }

  readonly reload = (): void => this.#loader.reload();

  /** Says that the reader has looked at the list. */
  readonly markSeen = (): void => {
    const newest = this.get().items[0];
    if (newest !== undefined && newest.id !== this.#settings.get(SEEN)) {
      this.#settings.set(SEEN, newest.id);
    }
  };

  /** Marks as read at once, and undoes it where the server can't be told. */
  readonly markRead = (id: string): void => {
    const item = this.get().items.find((other) => other.id === id);
    if (item?.read !== 'unread' || this.#loader.isForeign) return;
    this.patch({ failure: null });
    this.#turn([id], 'unread', 'reading');
    const believe = this.#count.begin();
    this.#api.markRead(id).then(
      (answer) => {
        this.#turn([id], 'reading', 'read');
        believe(answer.unread);
      },
      (error: unknown) => {
        this.#turn([id], 'reading', 'unread');
        // The stream may have said meanwhile that it was read after all.
        if (this.get().items.some((other) => other.id === id && other.read === 'read')) return;
        this.patch({ failure: { title: item.title, message: messageOf(error) } });
      },
    );
  };

  /** Marks all as read, also those that aren't in the list. */
  readonly markAllRead = (): void => {
    if (this.#loader.isForeign) return;
    const ids = this.get()
      .items.filter((item) => item.read === 'unread')
      .map((item) => item.id);
    this.patch({ failure: null });
    this.#turn(ids, 'unread', 'reading');
    const believe = this.#count.begin();
    this.#api.markAllRead().then(
      (answer) => {
        this.#turn(ids, 'reading', 'read');
        believe(answer.unread);
      },
      (error: unknown) => {
        this.#turn(ids, 'reading', 'unread');
        this.patch({ failure: { title: null, message: messageOf(error) } });
      },
    );
  };

  readonly dismissFailure = (): void => this.patch({ failure: null });

  /** Loads the next older page; does nothing where there is none. */
  readonly loadOlder = (): void => this.#older.load();

  protected start(): Unsubscribe {
    const stops = [
      this.#client.subscribe('notification:new', (event) => this.#receive(event)),
      this.#client.subscribe('notification:read', (event) => this.#receive(event)),
      this.#settings.onChange(SEEN, () => this.#seenElsewhere()),
      this.#loader.start(),
    ];
    return () => {
      for (const stop of stops) stop();
      this.#older.abort();
      this.#count.stop();
    };
  }

  #receive(event: NotificationEvent): void {
    const item = toNotification(event.data);
    const isNew = event.event === 'notification:new';
    this.#hear(item, isNew);
    const { items } = this.get();
    const known = items.some((other) => other.id === item.id);
    if (known)
      this.#show(items.map((other) => (other.id === item.id ? latest(other, item) : other)));
    // A `read` about one further down than the list reaches only changes the count.
    else if (isNew) this.#showOnTop(item);
    this.#count.refresh();
    if (!known && isNew && item.read === 'unread') {
      const now = this.#clock.now() - this.#client.clockAhead;
      this.#arrivals.call({ notification: item, age: now - Date.parse(event.timestamp) });
    }
  }

  #hear(item: Notification, isNew: boolean): void {
    const before = this.#heard.get(item.id);
    this.#heard.set(item.id, {
      item: before === undefined ? item : latest(before.item, item),
      isNew: isNew || before?.isNew === true,
    });
    const [oldest] = this.#heard.values();
    if (this.#heard.size <= MOST_ITEMS || oldest === undefined) return;
    this.#heard.delete(oldest.item.id);
    if (oldest.isNew && (this.#left === null || BigInt(oldest.item.id) > BigInt(this.#left.id)))
      this.#left = oldest.item;
  }

  #showOnTop(item: Notification): void {
    const items = [item, ...this.get().items];
    if (items.length <= MOST_ITEMS + PAGE_SIZE) {
      this.#show(items);
      return;
    }
    const older = this.#older.continueAfterCut(items.slice(MOST_ITEMS));
    this.#show(items.slice(0, MOST_ITEMS), older);
  }

  /** The page's notifications, with what the stream has said of them meanwhile. */
  #itemsOf(page: NotificationPage): readonly Notification[] {
    return page.notifications.map((row) => {
      const item = toNotification(row);
      const heard = this.#heard.get(item.id);
      return heard === undefined ? item : latest(item, heard.item);
    });
  }

  #append(page: NotificationPage, older: OlderState): void {
    const known = new Set(this.get().items.map((item) => item.id));
    const more = this.#itemsOf(page).filter((item) => !known.has(item.id));
    this.#show([...this.get().items, ...more], older);
  }

  async #load(signal: AbortSignal): Promise<LoadedPage> {
    this.#older.abort();
    this.#heard.clear();
    this.#left = null;
    const believe = this.#count.begin();
    const page = await this.#api.listNotifications({ limit: PAGE_SIZE, signal });
    const show = () => {
      this.#replace(page);
      believe(page.unread);
      if (this.#heard.size > 0) this.#count.refresh();
    };
    return { cursor: page.cursor, show };
  }

  #replace(page: NotificationPage): void {
    const listed = this.#itemsOf(page);
    const ids = new Set(listed.map((item) => item.id));
    const onTop = [...this.#heard.values()].filter(({ item, isNew }) => isNew && !ids.has(item.id));
    // Those that were marked here stay so until the server has answered.
    const reading = new Set(
      this.get()
        .items.filter((item) => item.read === 'reading')
        .map((item) => item.id),
    );
    const top = onTop.map(({ item }) => item).toReversed();
    // Between these and the page there is what there was no room for.
    const older =
      this.#left === null
        ? this.#older.continueFrom(page.before)
        : this.#older.continueAfterCut([this.#left, ...listed]);
    const items = this.#left === null ? [...top, ...listed] : top;
    this.#show(
      items.map((item) =>
        item.read === 'unread' && reading.has(item.id) ? { ...item, read: 'reading' } : item,
      ),
      older,
    );
  }

  #turn(ids: readonly string[], from: ReadState, to: ReadState): void {
    const wanted = new Set(ids);
    this.#show(
      this.get().items.map((item) =>
        item.read === from && wanted.has(item.id) ? { ...item, read: to } : item,
      ),
    );
  }

  /** Another tab may have seen what isn't here yet: then it has seen all that is. */
  #seenElsewhere(): void {
    const { items } = this.get();
    if (indexOf(items, this.#settings.get(SEEN)) < 0) this.#seenHere = items[0]?.id ?? null;
    this.#show(items);
  }

  #show(items: readonly Notification[], older: OlderState = this.get().older): void {
    const seen = this.#settings.get(SEEN);
    const index = indexOf(items, seen, this.#seenHere);
    const since = index < 0 ? items : items.slice(0, index);
    this.patch({ items, older, unseen: since.some((item) => item.read === 'unread') });
  }
}

/** Takes the later news of a notification. What was read stays read, whichever of them comes late. */
function latest(before: Notification, after: Notification): Notification {
  return { ...after, read: after.read === 'unread' ? before.read : after.read };
}
