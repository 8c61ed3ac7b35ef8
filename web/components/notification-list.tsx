import { useRef } from 'react';
import { noticeOf } from './connection-notice.js';
import { Icon } from './icons.js';
import { NotificationGroup } from './notification-group.js';
import { NotificationItem } from './notification-item.js';
import { Older } from './older.js';
import { Empty, Failed, Skeleton } from './placeholders.js';
import { usePgfeed } from './provider.js';
import type { Notification } from './rows.js';
import { SoundSwitch } from './sound-switch.js';
import { useSettledStatus } from './use-connection-status.js';
import { useNotifications } from './use-notifications.js';

/** Properties of {@link NotificationList}. */
export interface NotificationListProps {
  readonly className?: string;
  /** Called after a click on a notification, which also marks it as read: go to what it is about. */
  readonly onSelect?: (notification: Notification) => void;
  /** Milliseconds within which notifications of one category are grouped; default an hour. */
  readonly groupWindow?: number;
}

/** The user's notifications, in groups, with what marks them as read and the setting for sound. */
export function NotificationList({ className = '', onSelect, groupWindow }: NotificationListProps) {
  const { messages } = usePgfeed();
  const texts = messages.notifications;
  const list = useNotifications(groupWindow);
  const { rows, items, state, failure, unread, markRead } = list;
  const status = useSettledStatus();
  const signedOut = status.state === 'unauthorized' ? noticeOf(status, messages) : null;
  const canMarkAll = unread > 0 && signedOut === null;
  const bodyRef = useRef<HTMLDivElement>(null);
  const select = (item: Notification) => {
    markRead(item.id);
    onSelect?.(item);
  };
  return (
    <div
      className={`pgfeed-notifications ${className}`.trim()}
      aria-busy={state.kind === 'loading'}
    >
      <div className="pgfeed-panel-head">
        <h2 className="pgfeed-panel-title">{texts.title}</h2>
        <span className="pgfeed-unread" data-unread={unread}>
          {texts.unread(unread)}
        </span>
        <button
          type="button"
          className="pgfeed-button pgfeed-mark-all"
          aria-disabled={!canMarkAll}
          onClick={() => {
            if (canMarkAll) list.markAllRead();
          }}
        >
          <Icon name="check-all" />
          {texts.markAllRead}
        </button>
      </div>
      <div className="pgfeed-panel-body" ref={bodyRef} tabIndex={-1}>
        <div className="pgfeed-problem" role="alert">
          {failure !== null && (
            <>
              <p>
                {failure.title === null ? texts.markAllFailed : texts.markFailed(failure.title)}{' '}
                {failure.message || messages.unknownError}
              </p>
              <button
                type="button"
                className="pgfeed-icon-button"
                aria-label={messages.dismiss}
                onClick={() => {
                  list.dismissFailure();
                  // The button goes when it is used.
                  bodyRef.current?.focus({ preventScroll: true });
                }}
              >
                <Icon name="close" />
              </button>
            </>
          )}
        </div>
        {signedOut !== null && <Failed title={signedOut} />}
        {signedOut === null && state.kind === 'failed' && (
          <Failed
            title={texts.failed}
            message={state.message}
            onRetry={list.reload}
            listRef={bodyRef}
          />
        )}
        <span className="pgfeed-hidden" role="status">
          {state.kind === 'loading' && texts.loading}
        </span>
        {state.kind === 'loading' && items.length === 0 && <Skeleton rows={3} />}
        {state.kind === 'ready' && items.length === 0 && (
          <Empty icon="inbox" title={texts.empty} hint={texts.emptyHint} />
        )}
        {rows.length > 0 && (
          <ul className="pgfeed-notifications-list">
            {rows.map((row) => (
              <li key={row.key}>
                {row.kind === 'single' ? (
                  <NotificationItem item={row.item} onSelect={select} />
                ) : (
                  <NotificationGroup
                    category={row.category}
                    items={row.items}
                    onSelect={select}
                    onMarkRead={signedOut === null ? markRead : null}
                  />
                )}
              </li>
            ))}
          </ul>
        )}
        {signedOut === null && (
          <Older state={list.older} count={items.length} onLoad={list.loadOlder} texts={texts} />
        )}
      </div>
      <div className="pgfeed-panel-foot">
        <SoundSwitch />
      </div>
    </div>
  );
}
