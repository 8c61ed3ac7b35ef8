import { Icon, type IconName } from './icons.js';
import { usePgfeed } from './provider.js';
import { RelativeTime } from './relative-time.js';
import type { Notification, NotificationType } from './rows.js';

const icons: Record<NotificationType, IconName> = {
  info: 'info',
  success: 'check',
  warning: 'alert',
  urgent: 'urgent',
};

/** The icon of a type, on its colour. */
export function TypeIcon({ type }: { type: NotificationType }) {
  return (
    <span className="pgfeed-type" data-type={type} aria-hidden="true">
      <Icon name={icons[type]} />
    </span>
  );
}

/** One notification: a button that marks it as read, and does what the application wants then. */
export function NotificationItem({
  item,
  onSelect,
}: {
  item: Notification;
  onSelect: (item: Notification) => void;
}) {
  const { notifications: texts } = usePgfeed().messages;
  return (
    <button
      type="button"
      className="pgfeed-notification"
      data-type={item.type}
      data-read={item.read !== 'unread'}
      onClick={() => onSelect(item)}
    >
      <TypeIcon type={item.type} />
      <span className="pgfeed-notification-main">
        <span className="pgfeed-notification-title">
          {item.read === 'unread' && <span className="pgfeed-hidden">{texts.unreadMark}: </span>}
          {item.type === 'urgent' && <span className="pgfeed-urgent">{texts.urgentMark} </span>}
          {item.title}
        </span>
        {item.body !== '' && <span className="pgfeed-notification-body">{item.body}</span>}
        <span className="pgfeed-item-meta">
          {item.category !== '' && <span>{texts.category(item.category)}</span>}
          <RelativeTime dateTime={item.createdAt} />
        </span>
      </span>
      {item.read === 'unread' && <span className="pgfeed-unread-dot" aria-hidden="true" />}
    </button>
  );
}
