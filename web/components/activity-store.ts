import type { RealtimeClient, RestApi, Unsubscribe } from '@pgfeed/client';
import { GaplessLoader, type LoadState, messageOf } from './gapless-loader.js';
import { LiveStore } from './live-store.js';
import { type Activity, toActivity } from './rows.js';
import type { Settings } from './settings.js';

const PAGE_SIZE = 50;
// A page that stays open for days shouldn't grow without end; older ones can be loaded again.
const MOST_ITEMS = 1_000;
const SEEN = 'activity-seen';

/** The state of the older entries, below a list. */
export type OlderState =
  | { readonly kind: 'none' }
  | { readonly kind: 'more' }
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly message: string };

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
  #before: string | null = null;
  #olderCall: AbortController | null = null;
  /** What arrived since the last load began: the page that is being loaded may not have it yet. */
  #arrived: readonly Activity[] = [];

  constructor(client: RealtimeClient, api: RestApi, settings: Settings) {
    super(initial);
    this.#client = client;
    this.#api = api;
    this.#settings = settings;
    this.#loader = new GaplessLoader(
      client,
      (signal) => this.#load(signal),
      (state) => this.patch({ state }),
    );
  }

  /** Loads again, for a reader who asks for it. */
  readonly reload = (): void => this.#loader.reload();

  /** Loads the next older page; does nothing where there is none. */
  readonly loadOlder = (): void => {
    if (this.#before === null) return;
    this.#olderCall?.abort();
    const abort = new AbortController();
    this.#olderCall = abort;
    this.patch({ older: { kind: 'loading' } });
    this.#api.listActivity({ limit: PAGE_SIZE, before: this.#before, signal: abort.signal }).then(
      (page) => {
        if (abort.signal.aborted) return;
        this.#before = page.before;
        this.#show(merge(this.get().items, page.events.map(toActivity)), olderOf(page.before));
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        this.patch({ older: { kind: 'failed', message: messageOf(error) } });
      },
    );
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
      this.#settings.onChange(SEEN, () => this.#show(this.get().items)),
      this.#loader.start(),
    ];
    return () => {
      for (const stop of stops) stop();
      this.#olderCall?.abort();
    };
  }

  #receive(activity: Activity): void {
    this.#arrived = merge([activity], this.#arrived).slice(0, MOST_ITEMS);
    const list = merge([activity], this.get().items);
    if (list.length <= MOST_ITEMS + PAGE_SIZE) {
      this.#show(list);
      return;
    }
    this.#olderCall?.abort();
    this.#before = list[MOST_ITEMS - 1]?.id ?? null;
    this.#show(list.slice(0, MOST_ITEMS), { kind: 'more' });
  }

  async #load(signal: AbortSignal): Promise<string> {
    this.#olderCall?.abort();
    this.#arrived = [];
    const page = await this.#api.listActivity({ limit: PAGE_SIZE, signal });
    if (signal.aborted) return page.cursor;
    this.#before = page.before;
    const items = merge(this.#arrived, page.events.map(toActivity));
    // Who comes for the first time is not told that all of history is new.
    if (this.#settings.get(SEEN) === null) this.#settings.set(SEEN, items[0]?.id ?? '');
    this.#show(items, olderOf(page.before));
    return page.cursor;
  }

  #show(items: readonly Activity[], older: OlderState = this.get().older): void {
    const seen = this.#settings.get(SEEN);
    const index = items.findIndex((item) => item.id === seen);
    this.patch({
      items,
      older,
      unseen: index < 0 ? items.length : index,
      unseenIsMore: index < 0 && older.kind !== 'none',
    });
  }
}

function olderOf(before: string | null): OlderState {
  return { kind: before === null ? 'none' : 'more' };
}

/** Puts one list before the other; what is in both stays where it is in the first. */
function merge(first: readonly Activity[], second: readonly Activity[]): readonly Activity[] {
  const ids = new Set(first.map((item) => item.id));
  return [...first, ...second.filter((item) => !ids.has(item.id))];
}
