import { useActivityFeed, useConnectionStatus, useNotifications } from '@pgfeed/react';

/** The behaviour is in the hooks; what it looks like is the page's own. */
export function Bell() {
  const { items, unread, failure, markRead } = useNotifications();
  return (
    <details>
      <summary>{unread} unread</summary>
      {failure && <p role="alert">{failure.message}</p>}
      {items.map((item) => (
        <button key={item.id} onClick={() => markRead(item.id)}>
          {item.read === 'unread' ? <b>{item.title}</b> : item.title}
        </button>
      ))}
    </details>
  );
}

export function News() {
  const { items, state, waiting, showWaiting, reload } = useActivityFeed();
  const connection = useConnectionStatus();
  // The session is over, or somebody else has signed in: trying again would be of no use.
  if (connection.state === 'unauthorized') return <p>Sign in again to go on.</p>;
  if (state.kind === 'failed') return <button onClick={reload}>Try again</button>;
  return (
    <>
      {waiting > 0 && <button onClick={showWaiting}>{waiting} new</button>}
      {items.map((item) => (
        <p key={item.id}>{item.description}</p>
      ))}
    </>
  );
}
