import { type RefObject, useLayoutEffect, useRef } from 'react';
import { Icon, type IconName } from './icons.js';
import { usePgfeed } from './provider.js';
import { useSettledStatus } from './use-connection-status.js';

/** Grey rows in the shape of what is being loaded. */
export function Skeleton({ rows }: { rows: number }) {
  return (
    <div className="pgfeed-skeleton" aria-hidden="true">
      {Array.from({ length: rows }, (_, row) => (
        <div className="pgfeed-skeleton-row" key={row}>
          <span className="pgfeed-skeleton-avatar" />
          <span className="pgfeed-skeleton-lines">
            <span />
            <span />
          </span>
        </div>
      ))}
    </div>
  );
}

/** In place of a list that has nothing; while offline nobody knows whether that is still true. */
export function Empty({ icon, title, hint }: { icon: IconName; title: string; hint: string }) {
  const { connection } = usePgfeed().messages;
  const offline = useSettledStatus().state === 'offline';
  return (
    <div className="pgfeed-empty">
      <Icon name={offline ? 'offline' : icon} className="pgfeed-empty-icon" />
      <p className="pgfeed-empty-title">{offline ? connection.offlineEmpty : title}</p>
      <p className="pgfeed-empty-hint">{offline ? connection.offlineEmptyHint : hint}</p>
    </div>
  );
}

/** In place of a list that couldn't be loaded, or above what was loaded before. */
export function Failed({
  title,
  message,
  onRetry,
  listRef,
}: {
  title: string;
  message?: string;
  /** Left out where trying again is of no use: then it is no news either, and isn't announced. */
  onRetry?: () => void;
  /** Where the focus goes when the button that had it goes: because it was used, or the list was loaded after all. */
  listRef?: RefObject<HTMLElement | null>;
}) {
  const { messages } = usePgfeed();
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = ref.current;
    return () => {
      if (!element?.contains(document.activeElement)) return;
      // The list of now: one that is around this has no element yet when the effect begins.
      // oxlint-disable-next-line react-hooks/exhaustive-deps
      listRef?.current?.focus({ preventScroll: true });
    };
  }, [listRef]);
  return (
    <div className="pgfeed-failed" ref={ref} role={onRetry && 'alert'}>
      <Icon name="alert" className="pgfeed-failed-icon" />
      <div className="pgfeed-failed-text">
        <p className="pgfeed-failed-title">{title}</p>
        {message !== undefined && <p>{message || messages.unknownError}</p>}
      </div>
      {onRetry && (
        <button type="button" className="pgfeed-button" onClick={onRetry}>
          {messages.retry}
        </button>
      )}
    </div>
  );
}
