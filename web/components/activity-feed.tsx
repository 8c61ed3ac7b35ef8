import { type KeyboardEvent, useId } from 'react';
import type { RealtimeClient, RestApi } from '../lib/realtime';
import { RelativeTime } from './relative-time';
import type { Activity } from './rows';
import { type OlderState, useActivityFeed } from './use-activity-feed';

/** The tenant's activities, newest on top: loads history, goes on live, and loads older ones on demand. */
export function ActivityFeed({
  client,
  api,
  className = '',
}: {
  client: RealtimeClient;
  api: RestApi;
  className?: string;
}) {
  const { items, state, older, loadOlder, reload } = useActivityFeed(client, api);
  const loading = state.kind === 'loading';
  return (
    <div className={`pgfeed-feed ${className}`.trim()}>
      {state.kind === 'failed' && (
        <div className="pgfeed-notice" role="alert">
          <p>Could not load the activities. {state.message}</p>
          <button type="button" onClick={reload}>
            Try again
          </button>
        </div>
      )}
      {/* The ARIA pattern for feeds: articles can be focused, and the feed handles the keys that move between them. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        role="feed"
        aria-label="Activity"
        aria-busy={loading || older.kind === 'loading'}
        onKeyDown={moveBetweenItems}
      >
        {items.map((item, index) => (
          <Item
            key={item.id}
            item={item}
            position={index + 1}
            size={older.kind === 'none' ? items.length : -1}
          />
        ))}
      </div>
      {loading && items.length === 0 && <p className="pgfeed-placeholder">Loading activities…</p>}
      {state.kind === 'ready' && items.length === 0 && (
        <p className="pgfeed-placeholder">No activity yet. It appears here as it happens.</p>
      )}
      <Older state={older} onLoad={loadOlder} />
    </div>
  );
}

function Item({ item, position, size }: { item: Activity; position: number; size: number }) {
  const labelId = useId();
  return (
    <article
      className="pgfeed-item"
      aria-posinset={position}
      aria-setsize={size}
      aria-labelledby={labelId}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
    >
      <p id={labelId} className="pgfeed-item-text">
        {item.description}
      </p>
      <p className="pgfeed-item-meta">
        {item.userName !== '' && <span className="pgfeed-item-user">{item.userName}</span>}
        <RelativeTime dateTime={item.createdAt} />
      </p>
    </article>
  );
}

function Older({ state, onLoad }: { state: OlderState; onLoad: () => void }) {
  if (state.kind === 'none') return null;
  return (
    <div className="pgfeed-older">
      {state.kind === 'failed' && <p role="alert">{state.message}</p>}
      <button type="button" onClick={onLoad} disabled={state.kind === 'loading'}>
        {state.kind === 'loading' ? 'Loading…' : 'Show older'}
      </button>
    </div>
  );
}

/** PageDown and PageUp move between the items, as the ARIA pattern for feeds has it. */
function moveBetweenItems(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== 'PageDown' && event.key !== 'PageUp') return;
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('[role=feed] > article')];
  const from = items.findIndex((item) => item.contains(document.activeElement));
  const next = items[from + (event.key === 'PageDown' ? 1 : -1)];
  if (from < 0 || next === undefined) return;
  event.preventDefault();
  next.focus();
}
