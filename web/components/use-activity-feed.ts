import { useCallback, useEffect, useRef, useState } from 'react';
import type { RealtimeClient, RestApi } from '../lib/realtime';
import { type Activity, toActivity } from './rows';
import { type LoadState, messageOf, useHistory } from './use-history';

const PAGE_SIZE = 50;
// A page that stays open for days shouldn't grow without end; older ones can be loaded again.
const MOST_ITEMS = 1_000;

/** The state of the older activities, below the list. */
export type OlderState =
  | { readonly kind: 'none' }
  | { readonly kind: 'more' }
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly message: string };

/** A live list of activities, newest first. */
export interface ActivityFeedState {
  readonly items: readonly Activity[];
  readonly state: LoadState;
  readonly older: OlderState;
  readonly loadOlder: () => void;
  readonly reload: () => void;
}

/** Loads the tenant's history, goes on live, and loads older activities when asked to. */
export function useActivityFeed(client: RealtimeClient, api: RestApi): ActivityFeedState {
  const [items, setItems] = useState<readonly Activity[]>([]);
  const [older, setOlder] = useState<OlderState>({ kind: 'none' });
  const shown = useRef<readonly Activity[]>([]);
  const before = useRef<string | null>(null);
  const olderCall = useRef<AbortController | null>(null);
  // What arrived since the last load began: the page that is being loaded may not have it yet.
  const arrived = useRef<readonly Activity[]>([]);

  const show = useCallback((list: readonly Activity[]) => {
    shown.current = list;
    setItems(list);
  }, []);

  useEffect(
    () =>
      client.subscribe('activity:new', (event) => {
        const activity = [toActivity(event)];
        arrived.current = merge(activity, arrived.current).slice(0, MOST_ITEMS);
        const list = merge(activity, shown.current);
        if (list.length <= MOST_ITEMS + PAGE_SIZE) {
          show(list);
          return;
        }
        olderCall.current?.abort();
        before.current = list[MOST_ITEMS - 1]?.id ?? null;
        setOlder({ kind: 'more' });
        show(list.slice(0, MOST_ITEMS));
      }),
    [client, show],
  );

  const load = useCallback(
    async (signal: AbortSignal) => {
      olderCall.current?.abort();
      arrived.current = [];
      const page = await api.listActivity({ limit: PAGE_SIZE, signal });
      if (signal.aborted) return page.cursor;
      before.current = page.before;
      show(merge(arrived.current, page.events.map(toActivity)));
      setOlder({ kind: page.before === null ? 'none' : 'more' });
      return page.cursor;
    },
    [api, show],
  );
  const { state, reload } = useHistory(client, load);

  const loadOlder = useCallback(() => {
    if (before.current === null) return;
    olderCall.current?.abort();
    const abort = new AbortController();
    olderCall.current = abort;
    setOlder({ kind: 'loading' });
    api.listActivity({ limit: PAGE_SIZE, before: before.current, signal: abort.signal }).then(
      (page) => {
        if (abort.signal.aborted) return;
        before.current = page.before;
        show(merge(shown.current, page.events.map(toActivity)));
        setOlder({ kind: page.before === null ? 'none' : 'more' });
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setOlder({ kind: 'failed', message: messageOf(error) });
      },
    );
  }, [api, show]);

  useEffect(() => () => olderCall.current?.abort(), []);

  return { items, state, older, loadOlder, reload };
}

/** Puts one list before the other; what is in both stays where it is in the first. */
function merge(first: readonly Activity[], second: readonly Activity[]): readonly Activity[] {
  const ids = new Set(first.map((item) => item.id));
  return [...first, ...second.filter((item) => !ids.has(item.id))];
}
