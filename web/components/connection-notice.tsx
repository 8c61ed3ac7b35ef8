import { useEffect, useRef, useState } from 'react';
import { Icon } from './icons.js';
import type { Messages } from './messages.js';
import type { ConnectionStatus } from '@pgfeed/client';
import { usePgfeed } from './provider.js';
import { useSecondsUntil, useSettledStatus } from './use-connection-status.js';

/**
 * Says in a sentence when updates don't arrive live, announces it once, and announces when they do again. It is in
 * the page from the start, empty while there is nothing to say.
 */
export function ConnectionNotice({ className = '' }: { className?: string }) {
  const { messages } = usePgfeed();
  const status = useSettledStatus();
  const text = noticeOf(status, messages);
  const recovered = useRecovered(status);
  return (
    <div
      className={`pgfeed-connection-notice ${className}`.trim()}
      data-connection={status.state}
      data-shown={text !== null}
    >
      {text !== null && <Icon name={status.state === 'polling' ? 'info' : 'offline'} />}
      <p role="status">
        {text}
        {recovered && text === null && (
          <span className="pgfeed-hidden">{messages.connection.liveAgain}</span>
        )}
      </p>
      {/* Outside the live region: it would be announced each second. */}
      {status.state === 'offline' && <Countdown retryAt={status.retryAt} />}
    </div>
  );
}

/** What to tell a reader of the connection; `null` while there is nothing to say. */
export function noticeOf(status: ConnectionStatus, { connection }: Messages): string | null {
  switch (status.state) {
    case 'polling':
      // Without a notice somebody has chosen polling: there is nothing to report.
      return status.notice === null ? null : connection.pollingNotice;
    case 'offline':
      return connection.offlineNotice;
    case 'unauthorized':
      return status.reason === 'identity'
        ? connection.identityNotice
        : connection.unauthorizedNotice;
    default:
      return null;
  }
}

function Countdown({ retryAt }: { retryAt: number | null }) {
  const { connection } = usePgfeed().messages;
  const seconds = useSecondsUntil(retryAt);
  return (
    <span className="pgfeed-connection-retry">
      {seconds === null ? connection.trying : connection.retryIn(seconds)}
    </span>
  );
}

/** Whether it is live after it wasn't for long enough to be told of. */
function useRecovered({ state }: ConnectionStatus): boolean {
  const wasDown = useRef(false);
  const [recovered, setRecovered] = useState(false);
  useEffect(() => {
    if (state === 'polling' || state === 'offline') wasDown.current = true;
    setRecovered(state === 'live' && wasDown.current);
    // Said once: a wait that nobody was told of needs no end.
    if (state === 'live') wasDown.current = false;
  }, [state]);
  return recovered;
}
