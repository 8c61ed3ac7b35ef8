import { useId, useState } from 'react';
import { Icon } from './icons.js';
import { NotificationItem } from './notification-item.js';
import { usePgfeed } from './provider.js';
import { RelativeTime } from './relative-time.js';
import type { Notification } from './rows.js';

/** Several notifications of one category, such as "3 tasks assigned to you", which open on demand. */
export function NotificationGroup({
  category,
  items,
  onSelect,
  onMarkRead,
}: {
  category: string;
  items: readonly Notification[];
  onSelect: (item: Notification) => void;
  /** `null` for who is signed out. */
  onMarkRead: ((id: string) => void) | null;
}) {
  const [open, setOpen] = useState(false);
  const listId = useId();
  const { notifications: texts } = usePgfeed().messages;
  const unread = items.filter((item) => item.read === 'unread');
  const newest = items[0];
  return (
    <>
      <button
        type="button"
        className="pgfeed-notification pgfeed-group"
        aria-expanded={open}
        aria-controls={listId}
        data-read={unread.length === 0}
        onClick={() => setOpen(!open)}
      >
        <span className="pgfeed-type pgfeed-group-mark" aria-hidden="true">
          <Icon name="chevron" className="pgfeed-chevron" />
        </span>
        <span className="pgfeed-notification-main">
          <span className="pgfeed-notification-title">{texts.group(category, items.length)}</span>
          <span className="pgfeed-notification-body pgfeed-group-titles">
            {items.map((item) => item.title).join(' · ')}
          </span>
          <span className="pgfeed-item-meta">
            {unread.length > 0 && <span>{texts.unread(unread.length)}</span>}
            {newest !== undefined && <RelativeTime dateTime={newest.createdAt} />}
          </span>
        </span>
        {unread.length > 0 && <span className="pgfeed-unread-dot" aria-hidden="true" />}
      </button>
      <div id={listId} className="pgfeed-group-items" hidden={!open}>
        {open && (
          <>
            <ul>
              {items.map((item) => (
                <li key={item.id}>
                  <NotificationItem item={item} onSelect={onSelect} />
                </li>
              ))}
            </ul>
            <button
              type="button"
              className="pgfeed-button pgfeed-group-read"
              // It stays when it has done its work, or the focus would be lost.
              aria-disabled={unread.length === 0 || onMarkRead === null}
              onClick={() => unread.forEach((item) => onMarkRead?.(item.id))}
            >
              {texts.markGroupRead}
            </button>
          </>
        )}
      </div>
    </>
  );
}
