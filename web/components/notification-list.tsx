import { useId } from 'react';
import type { RealtimeClient, RestApi } from '../lib/realtime';
import { RelativeTime } from './relative-time';
import type { Notification } from './rows';
import { useNotifications } from './use-notifications';

/** The user's notifications with the number of unread ones; each, or all, can be marked as read. */
export function NotificationList({
  client,
  api,
  className = '',
}: {
  client: RealtimeClient;
  api: RestApi;
  className?: string;
}) {
  const { items, unread, state, error, markRead, markAllRead, reload } = useNotifications(
    client,
    api,
  );
  const headingId = useId();
  return (
    <section
      className={`pgfeed-notifications ${className}`.trim()}
      aria-labelledby={headingId}
      aria-busy={state.kind === 'loading'}
    >
      <header className="pgfeed-notifications-head">
        <h3 id={headingId}>Notifications</h3>
        <span className="pgfeed-badge" data-unread={unread > 0} aria-live="polite">
          {unread} unread
        </span>
        <button type="button" onClick={markAllRead} disabled={unread === 0}>
          Mark all read
        </button>
      </header>
      {error !== null && (
        <p className="pgfeed-notice" role="alert">
          Could not mark as read. {error}
        </p>
      )}
      {state.kind === 'failed' && (
        <div className="pgfeed-notice" role="alert">
          <p>Could not load the notifications. {state.message}</p>
          <button type="button" onClick={reload}>
            Try again
          </button>
        </div>
      )}
      {state.kind === 'loading' && items.length === 0 && (
        <p className="pgfeed-placeholder">Loading notifications…</p>
      )}
      {state.kind === 'ready' && items.length === 0 && (
        <p className="pgfeed-placeholder">No notifications.</p>
      )}
      <ul className="pgfeed-notifications-list">
        {items.map((item) => (
          <Item key={item.id} item={item} onRead={markRead} />
        ))}
      </ul>
    </section>
  );
}

function Item({ item, onRead }: { item: Notification; onRead: (id: string) => void }) {
  return (
    <li className="pgfeed-notification" data-type={item.type} data-read={item.read}>
      <p className="pgfeed-item-text">
        {!item.read && <span className="pgfeed-hidden">Unread: </span>}
        {item.type === 'urgent' && <strong className="pgfeed-urgent">Urgent </strong>}
        {item.title}
      </p>
      {item.body !== '' && <p className="pgfeed-notification-body">{item.body}</p>}
      <p className="pgfeed-item-meta">
        {item.category !== '' && <span>{item.category.replaceAll('_', ' ')}</span>}
        <RelativeTime dateTime={item.createdAt} />
        {!item.read && (
          <button
            type="button"
            aria-label={`Mark read: ${item.title}`}
            onClick={() => onRead(item.id)}
          >
            Mark read
          </button>
        )}
      </p>
    </li>
  );
}
