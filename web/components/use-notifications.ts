import { useCallback, useEffect, useRef, useState } from 'react';
import type { NotificationEvent, RealtimeClient, RestApi } from '../lib/realtime';
import { type Notification, toNotification } from './rows';
import { type LoadState, messageOf, useHistory } from './use-history';

const PAGE_SIZE = 30;
const MOST_ITEMS = 200;

/** A live list of the user's notifications, newest first. */
export interface NotificationsState {
  readonly items: readonly Notification[];
  /** As the server counts, which also knows those that aren't in the list. */
  readonly unread: number;
  readonly state: LoadState;
  /** What the last attempt to mark something as read failed with. */
  readonly error: string | null;
  readonly markRead: (id: string) => void;
  readonly markAllRead: () => void;
  readonly reload: () => void;
}

/** Loads the user's notifications, goes on live, and marks them as read. */
export function useNotifications(client: RealtimeClient, api: RestApi): NotificationsState {
  const [items, setItems] = useState<readonly Notification[]>([]);
  const [unread, setUnread] = useState(0);
  const [error, setError] = useState<string | null>(null);
  // What the stream said since the last load began: the page that is being loaded may be older.
  const arrived = useRef<readonly Notification[]>([]);
  const refreshUnread = useUnreadCount(api, setUnread);

  const put = useCallback((notification: Notification) => {
    setItems((all) => upsert(all, notification).slice(0, MOST_ITEMS));
  }, []);

  useEffect(() => {
    const receive = (event: NotificationEvent) => {
      const notification = toNotification(event.data);
      arrived.current = upsert(arrived.current, notification).slice(0, MOST_ITEMS);
      // A `read` about one further down than the list reaches only changes the count.
      setItems((all) =>
        event.event === 'notification:read' && !all.some((item) => item.id === notification.id)
          ? all
          : upsert(all, notification).slice(0, MOST_ITEMS),
      );
      refreshUnread();
    };
    const stops = [
      client.subscribe('notification:new', receive),
      client.subscribe('notification:read', receive),
    ];
    return () => stops.forEach((stop) => stop());
  }, [client, refreshUnread]);

  const load = useCallback(
    async (signal: AbortSignal) => {
      arrived.current = [];
      const page = await api.listNotifications({ limit: PAGE_SIZE, signal });
      if (signal.aborted) return page.cursor;
      const listed = page.notifications.map(toNotification);
      setItems(arrived.current.toReversed().reduce(upsert, listed));
      setUnread(page.unread);
      if (arrived.current.length > 0) refreshUnread();
      return page.cursor;
    },
    [api, refreshUnread],
  );
  const { state, reload } = useHistory(client, load);

  const markRead = useCallback(
    (id: string) => {
      setError(null);
      api.markRead(id).then(
        (answer) => {
          put(toNotification(answer.notification));
          setUnread(answer.unread);
        },
        (reason: unknown) => setError(messageOf(reason)),
      );
    },
    [api, put],
  );

  const markAllRead = useCallback(() => {
    setError(null);
    api.markAllRead().then(
      (answer) => {
        setItems((all) => all.map((item) => ({ ...item, read: true })));
        setUnread(answer.unread);
      },
      (reason: unknown) => setError(messageOf(reason)),
    );
  }, [api]);

  return { items, unread, state, error, markRead, markAllRead, reload };
}

/** Asks the server for the count; calls that come while one is under way share the next one. */
function useUnreadCount(api: RestApi, onCount: (unread: number) => void): () => void {
  const calls = useRef({ busy: false, again: false });
  return useCallback(() => {
    const state = calls.current;
    if (state.busy) {
      state.again = true;
      return;
    }
    const run = async (): Promise<void> => {
      state.busy = true;
      do {
        state.again = false;
        const page = await api.listNotifications({ limit: 1 });
        onCount(page.unread);
      } while (state.again);
    };
    run()
      // The next event, or the next load, brings the count up to date again.
      .catch(() => {})
      .finally(() => {
        state.busy = false;
      });
  }, [api, onCount]);
}

/** Replaces a notification where it is, or puts it on top. What was read stays read, whichever news comes late. */
function upsert(
  list: readonly Notification[],
  notification: Notification,
): readonly Notification[] {
  if (!list.some((item) => item.id === notification.id)) return [notification, ...list];
  return list.map((item) =>
    item.id === notification.id ? { ...notification, read: notification.read || item.read } : item,
  );
}
