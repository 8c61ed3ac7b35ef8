import { type FocusEvent, type KeyboardEvent, useEffect, useRef } from 'react';
import { Icon } from './icons.js';
import { TypeIcon } from './notification-item.js';
import { usePgfeed } from './provider.js';
import { RelativeTime } from './relative-time.js';
import type { Notification } from './rows.js';
import { useUrgentToasts } from './use-notifications.js';

const KEY = 'F8';

/**
 * Urgent notifications as they arrive, in a corner: each for five seconds, longer while one is hovered or focused or
 * the window is in the background. F8 moves the focus there, Escape dismisses and moves it back.
 */
export function UrgentToasts({
  className = '',
  onSelect,
  onMore,
}: {
  className?: string;
  onSelect?: (notification: Notification) => void;
  /** Shows the panel, for those that there was no room for. */
  onMore?: () => void;
}) {
  const { messages, notifications } = usePgfeed();
  const { toasts, more, announce, dismiss, dismissAll, hold, release } = useUrgentToasts();
  const regionRef = useRef<HTMLDivElement>(null);
  const cameFrom = useRef<Element | null>(null);
  const hadFocus = useRef(false);
  const shown = toasts.length > 0;

  useEffect(() => {
    if (!shown) return undefined;
    const onKeyDown = (event: globalThis.KeyboardEvent) => {
      if (event.key !== KEY) return;
      event.preventDefault();
      if (regionRef.current?.contains(document.activeElement)) return;
      cameFrom.current = document.activeElement;
      regionRef.current?.querySelector<HTMLElement>('button')?.focus();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [shown]);

  const goBack = () => {
    if (cameFrom.current instanceof HTMLElement) cameFrom.current.focus();
    cameFrom.current = null;
  };
  useEffect(() => {
    if (!hadFocus.current || regionRef.current?.contains(document.activeElement)) return;
    // The toast that had the focus has gone, which gives no blur.
    hadFocus.current = false;
    release('focus');
    if (shown) return;
    // What opened in its place may have taken the focus.
    if ((document.activeElement ?? document.body) === document.body) goBack();
    else cameFrom.current = null;
  });

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    dismissAll();
    goBack();
  };
  const onFocus = () => {
    hadFocus.current = true;
    hold('focus');
  };
  const onBlur = (event: FocusEvent<HTMLElement>) => {
    if (event.currentTarget.contains(event.relatedTarget)) return;
    hadFocus.current = false;
    // The reader has gone elsewhere; a window that goes to the background keeps its place.
    if (event.relatedTarget !== null) cameFrom.current = null;
    release('focus');
  };
  const close = (id: string, clicked: Element) => {
    // It is in the page until the next render, and must not keep the focus.
    const closing = clicked.closest('.pgfeed-toast');
    const others = [...(regionRef.current?.querySelectorAll('button') ?? [])];
    dismiss(id);
    // Not every browser gives the focus to a button that is clicked.
    if (!closing?.contains(document.activeElement)) return;
    if (toasts.length === 1) goBack();
    else others.find((button) => !closing.contains(button))?.focus();
  };
  return (
    // The buttons inside are what is operated; these handlers only see to the time and the focus.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      // A landmark only while it has something.
      role={shown ? 'region' : 'presentation'}
      aria-label={shown ? messages.toasts.label(KEY) : undefined}
      className={`pgfeed-toasts ${className}`.trim()}
      data-shown={shown}
      ref={regionRef}
      onPointerEnter={() => hold('hover')}
      onPointerLeave={() => release('hover')}
      onFocus={onFocus}
      onBlur={onBlur}
      onKeyDown={onKeyDown}
    >
      <span className="pgfeed-hidden" role="alert">
        {announce.length > 0 && messages.toasts.announce(announce.map((toast) => toast.title))}
      </span>
      {toasts.map((toast) => (
        <div key={toast.id} className="pgfeed-toast">
          <button
            type="button"
            className="pgfeed-toast-main"
            onClick={({ currentTarget }) => {
              notifications.markRead(toast.id);
              onSelect?.(toast);
              close(toast.id, currentTarget);
            }}
          >
            <TypeIcon type={toast.type} />
            <span className="pgfeed-notification-main">
              <span className="pgfeed-notification-title">
                <span className="pgfeed-urgent">{messages.notifications.urgentMark} </span>
                {toast.title}
              </span>
              {toast.body !== '' && <span className="pgfeed-notification-body">{toast.body}</span>}
              <span className="pgfeed-item-meta">
                <RelativeTime dateTime={toast.createdAt} />
              </span>
            </span>
          </button>
          <button
            type="button"
            className="pgfeed-icon-button pgfeed-toast-close"
            aria-label={`${messages.dismiss}: ${toast.title}`}
            onClick={({ currentTarget }) => close(toast.id, currentTarget)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
      {shown && more > 0 && (
        <button
          type="button"
          className="pgfeed-toast pgfeed-toast-more"
          onClick={() => {
            dismissAll();
            onMore?.();
          }}
        >
          {messages.toasts.more(more)}
        </button>
      )}
    </div>
  );
}
