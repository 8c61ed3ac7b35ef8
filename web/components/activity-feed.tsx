import { type FocusEvent, useEffect, useRef, useState } from 'react';
import { ActivityItem } from './activity-item.js';
import { ConnectionNotice } from './connection-notice.js';
import { handleFeedKeys } from './feed-keys.js';
import { Icon } from './icons.js';
import { Older } from './older.js';
import { Empty, Failed, Skeleton } from './placeholders.js';
import { usePgfeed } from './provider.js';
import { useActivityFeed } from './use-activity-feed.js';
import { useSettledStatus } from './use-connection-status.js';
import { useInView } from './use-in-view.js';
import { useMarkSeen } from './use-mark-seen.js';
import { usePaced } from './use-paced.js';

/**
 * The tenant's activities, newest on top: history, then live without a gap. What comes while the reader has scrolled
 * down or is reading with the keyboard waits behind a button; older ones load on scrolling.
 */
export function ActivityFeed({
  className = '',
  id,
  notice = true,
}: {
  className?: string;
  id?: string;
  /** Whether to say above the list when it isn't live; turn it off where the page has a `ConnectionNotice`. */
  notice?: boolean;
}) {
  const { messages } = usePgfeed();
  const texts = messages.feed;
  const feed = useActivityFeed();
  const { items, state, older, waiting, setHeld, markSeen } = feed;
  // Which the notice says, and trying again would be of no use.
  const signedOut = useSettledStatus().state === 'unauthorized';
  const feedRef = useRef<HTMLDivElement>(null);
  const announced = usePaced(waiting);

  const [away, setAway] = useState(false);
  const [inView, setInView] = useState(false);
  const [reading, setReading] = useState(false);
  const topRef = useInView<HTMLDivElement>((where) => {
    setAway(where === 'above');
    setInView(where === 'visible');
  }, 8);
  useEffect(() => setHeld(away || reading), [away, reading, setHeld]);
  useMarkSeen(inView && waiting === 0 && items.length > 0, items[0]?.id, markSeen);

  const toTop = () => {
    feed.showWaiting();
    topRef.current?.scrollIntoView({ block: 'start' });
    // The first article exists in its new place only after this render.
    requestAnimationFrame(() => {
      feedRef.current?.querySelector<HTMLElement>('article')?.focus({ preventScroll: true });
    });
  };
  const loadOlder = () => {
    if (!signedOut) feed.loadOlder();
  };
  const onFocus = ({ target, currentTarget }: FocusEvent) =>
    setReading(target !== currentTarget && target.matches(':focus-visible'));
  const onBlur = (event: FocusEvent<HTMLElement>) => {
    if (!event.currentTarget.contains(event.relatedTarget)) setReading(false);
  };

  return (
    <div className={`pgfeed-feed ${className}`.trim()} id={id}>
      <div className="pgfeed-feed-top" ref={topRef} />
      {notice && <ConnectionNotice />}
      <div className="pgfeed-new" data-waiting={waiting > 0}>
        <span className="pgfeed-hidden" role="status">
          {announced > 0 && texts.newActivities(announced)}
        </span>
        {waiting > 0 && (
          <button type="button" className="pgfeed-new-button" onClick={toTop}>
            <Icon name="arrow-up" />
            {texts.newActivities(waiting)}
          </button>
        )}
      </div>
      {state.kind === 'failed' && !signedOut && (
        <Failed
          title={texts.failed}
          message={state.message}
          onRetry={feed.reload}
          listRef={feedRef}
        />
      )}
      <span className="pgfeed-hidden" role="status">
        {state.kind === 'loading' && texts.loading}
      </span>
      {state.kind === 'loading' && items.length === 0 && <Skeleton rows={5} />}
      {state.kind === 'ready' && items.length === 0 && (
        <Empty icon="activity" title={texts.empty} hint={texts.emptyHint} />
      )}
      {/* The ARIA pattern for feeds: articles can be focused, and the feed handles the keys that move between them. */}
      {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions */}
      <div
        // A feed has articles, or is about to.
        role={items.length > 0 || state.kind === 'loading' ? 'feed' : undefined}
        ref={feedRef}
        className="pgfeed-feed-list"
        tabIndex={-1}
        aria-label={items.length > 0 || state.kind === 'loading' ? texts.label : undefined}
        aria-busy={state.kind === 'loading' || older.kind === 'loading'}
        onKeyDown={(event) => handleFeedKeys(event, loadOlder)}
        onFocus={onFocus}
        onBlur={onBlur}
      >
        {items.map((item, index) => (
          <ActivityItem
            key={item.id}
            item={item}
            position={index + 1}
            size={older.kind === 'none' ? items.length : -1}
          />
        ))}
      </div>
      {!signedOut && <Older state={older} count={items.length} onLoad={loadOlder} texts={texts} />}
      {state.kind === 'ready' && older.kind === 'none' && items.length > 0 && (
        <p className="pgfeed-end">{texts.end}</p>
      )}
    </div>
  );
}
