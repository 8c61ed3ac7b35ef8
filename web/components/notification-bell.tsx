import * as Popover from '@radix-ui/react-popover';
import { useRef, useState } from 'react';
import { countText } from './count.js';
import { Icon } from './icons.js';
import { NotificationList, type NotificationListProps } from './notification-list.js';
import { usePgfeed } from './provider.js';
import { UrgentToasts } from './urgent-toasts.js';
import { useMarkSeen } from './use-mark-seen.js';
import { useNotifications, useNotificationSound } from './use-notifications.js';

/**
 * A bell with the number of unread notifications, and a red dot while some came since the panel was last opened. It
 * opens the panel; Escape closes it and returns to the bell. Urgent ones show as toasts.
 */
export function NotificationBell({
  className = '',
  toasts = true,
  onSelect,
  ...list
}: NotificationListProps & {
  /** Whether urgent ones show as toasts here; turn it off where the page has `UrgentToasts` of its own. */
  readonly toasts?: boolean;
}) {
  const { messages } = usePgfeed();
  const { unread, unseen, items, markSeen } = useNotifications();
  // The sound is played while the bell is there, not only while the panel with its switch is open.
  useNotificationSound();
  const [open, setOpen] = useState(false);
  const panelRef = useRef<HTMLDivElement>(null);
  useMarkSeen(open, items[0]?.id, markSeen);
  return (
    <div className={`pgfeed-bell ${className}`.trim()}>
      <Popover.Root open={open} onOpenChange={setOpen}>
        <Popover.Trigger asChild>
          <button
            type="button"
            className="pgfeed-icon-button"
            data-unseen={unseen}
            aria-label={messages.notifications.bell(unread)}
          >
            <Icon name="bell" />
            {unread > 0 && (
              <span className="pgfeed-count" data-tone="quiet" aria-hidden="true">
                {countText(unread, false, messages.locale)}
              </span>
            )}
            {unseen && <span className="pgfeed-red-dot" aria-hidden="true" />}
          </button>
        </Popover.Trigger>
        <Popover.Content
          className="pgfeed-panel"
          align="end"
          sideOffset={8}
          collisionPadding={8}
          aria-label={messages.notifications.title}
          tabIndex={-1}
          ref={panelRef}
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            panelRef.current?.focus();
          }}
          // A toast is about what the panel shows: using one doesn't close it.
          onInteractOutside={(event) => {
            const { target } = event.detail.originalEvent;
            if (target instanceof Element && target.closest('.pgfeed-toasts') !== null) {
              event.preventDefault();
            }
          }}
        >
          <NotificationList {...list} {...(onSelect ? { onSelect } : {})} />
        </Popover.Content>
      </Popover.Root>
      {/* Always there, so that a change is announced: one that appears together with its text isn't. */}
      <span className="pgfeed-hidden" role="status">
        {unread > 0 && messages.notifications.unread(unread)}
      </span>
      {toasts && <UrgentToasts {...(onSelect ? { onSelect } : {})} onMore={() => setOpen(true)} />}
    </div>
  );
}
