import type { ActivityPage, Clock, RealtimeClient, RestApi, Unsubscribe } from '@pgfeed/client';
import { GaplessLoader, type LoadedPage, type LoadState } from './gapless-loader.js';
import { LiveStore } from './live-store.js';
import { OlderPages, type OlderState } from './older-pages.js';
import { type Activity, toActivity } from './rows.js';
import { indexOf } from './seen-mark.js';
import type { Settings } from './settings.js';

const PAGE_SIZE = 50;
// A page that stays open for days shouldn't grow without end; older ones can be loaded again.
const MOST_ITEMS = 1_000;
// Nor lose the place of somebody who is reading further down, unless they have gone away.
const MOST_ITEMS_HELD = 10_000;
const SEEN = 'activity-seen';

/** The tenant's activities, newest first, and how many of them this reader hasn't seen yet. */
export interface ActivitySnapshot {
  readonly items: readonly Activity[];
  readonly state: LoadState;
  readonly older: OlderState;
  /** How many came since `markSeen` was last called, in this browser. */
  readonly unseen: number;
  /** There are at least `unseen`: what was seen last is further down than the list reaches. */
  readonly unseenIsMore: boolean;
}

const initial: ActivitySnapshot = {
  items: [],
  state: { kind: 'loading' },
  older: { kind: 'none' },
  unseen: 0,
  unseenIsMore: false,
};

/** Loads the tenant's history, goes on live, and loads older activities when asked to. */
export class ActivityStore extends LiveStore<ActivitySnapshot> {
  readonly #client: RealtimeClient;
  readonly #api: RestApi;
  readonly #settings: Settings;
  readonly #loader: GaplessLoader;
  readonly #older: OlderPages<ActivityPage>;
  #holds = 0;
  /** The topmost when another tab saw something that wasn't here yet. */
  #seenHere: string | null = null;
  /** What arrived since the last load began: the page that is being loaded may not have it yet. */
  #arrived: readonly Activity[] = [];
  /** The one with the highest id of those that `#arrived` had no room for. */
  #left: Activity | null = null;

  constructor(client: RealtimeClient, api: RestApi, clock: Clock, settings: Settings) {
    super(initial);
    this.#client = client;
    this.#api = api;
    this.#settings = settings;
    this.#loader = new GaplessLoader(
      client,
      clock,
      (signal) => this.#load(signal),
      (state) => this.patch({ state }),
    );
    this.#older = new OlderPages(
      this.#loader,
      (before, signal) => api.listActivity({ limit: PAGE_SIZE, before, signal }),
      (page, older) => this.#show(merge(this.get().items, page.events.map(toActivity)), older),
      (older) => this.patch({ older }),
    );
  }

  /** Whether a load is under way, after which the client is started. */
  get isLoading(): boolean {
    return this.#loader.isLoading;
  }

  /** Loads again, for a reader who asks for it. */
  readonly reload = (): void => this.#loader.reload();

  /** Loads the next older page; does nothing where there is none. */
  readonly loadOlder = (): void => this.#older.load();

  /**
   * Lets the list reach further down, where somebody reads, until what it returns is called: before it shows its top to
   * them, as all that came meanwhile would be too much to show.
   */
  readonly hold = (): Unsubscribe => {
    this.#holds++;
    return () => {
      this.#holds--;
      const { items } = this.get();
      if (this.#holds === 0 && items.length > MOST_ITEMS + PAGE_SIZE)
        this.#showUpTo(MOST_ITEMS, items);
    };
  };

  /** Says that the reader has seen what is on top now. */
  readonly markSeen = (): void => {
    const newest = this.get().items[0];
    if (newest !== undefined && newest.id !== this.#settings.get(SEEN)) {
      this.#settings.set(SEEN, newest.id);
    }
  };

  protected start(): Unsubscribe {
    const stops = [
      this.#client.subscribe('activity:new', (event) => this.#receive(toActivity(event))),
      this.#settings.onChange(SEEN, () => this.#seenElsewhere()),
      this.#loader.start(),
    ];
    return () => {
      for (const stop of stops) stop();
      this.#older.abort();
    };
  }

  #receive(activity: Activity): void {
    const arrived = merge([activity], this.#arrived);
    this.#arrived = arrived.slice(0, MOST_ITEMS);
    for (const item of arrived.slice(MOST_ITEMS)) {
      if (this.#left === null || BigInt(item.id) > BigInt(this.#left.id)) this.#left = item;
    }
    const most = this.#holds === 0 ? MOST_ITEMS : MOST_ITEMS_HELD;
    this.#showUpTo(most, merge([activity], this.get().items));
  }

  #showUpTo(most: number, list: readonly Activity[]): void {
    if (list.length <= most + PAGE_SIZE) {
      this.#show(list);
      return;
    }
    const older = this.#older.continueAfterCut(list.slice(most));
    this.#show(list.slice(0, most), older);
  }

  async #load(signal: AbortSignal): Promise<LoadedPage> {
    this.#older.abort();
    this.#arrived = [];
    this.#left = null;
    const page = await this.#api.listActivity({ limit: PAGE_SIZE, signal });
    return { cursor: page.cursor, show: () => this.#replace(page) };
  }

  #replace(page: ActivityPage): void {
    const items = merge(this.#arrived, page.events.map(toActivity));
    // Who comes for the first time is not told that all of history is new.
    if (this.#settings.get(SEEN) === null) this.#settings.set(SEEN, items[0]?.id ?? '');
    const older = this.#older.continueFrom(page.before);
    // Between these and the page there is what there was no room for.
    if (this.#left === null) this.#show(items, older);
    else
      this.#show(
        this.#arrived,
        this.#older.continueAfterCut([this.#left, ...items.slice(MOST_ITEMS)]),
      );
  }

  /** Another tab may have seen what isn't here yet: then it has seen all that is. */
  #seenElsewhere(): void {
    const { items } = this.get();
    if (indexOf(items, this.#settings.get(SEEN)) < 0) this.#seenHere = items[0]?.id ?? null;
    this.#show(items);
  }

  #show(items: readonly Activity[], older: OlderState = this.get().older): void {
    const seen = this.#settings.get(SEEN);
    const index = indexOf(items, seen, this.#seenHere);
    this.patch({
      items,
      older,
      unseen: index < 0 ? items.length : index,
      unseenIsMore: index < 0 && older.kind !== 'none',
    });
  }
}

/** Puts one list before the other; what is in both stays where it is in the first. */
function merge(first: readonly Activity[], second: readonly Activity[]): readonly Activity[] {
  const ids = new Set(first.map((item) => item.id));
  return [...first, ...second.filter((item) => !ids.has(item.id))];
}
