import type { ConnectionState, RealtimeClient } from '../lib/realtime';
import { useConnectionStatus } from './use-connection-status';

const TEXTS: Record<ConnectionState, { label: string; title: string }> = {
  connecting: { label: 'Connecting…', title: 'Connecting to the server.' },
  live: { label: 'Live', title: 'Updates arrive as they happen.' },
  polling: {
    label: 'Polling',
    title: 'Real-time updates unavailable, using polling: checking every 30 seconds.',
  },
  offline: {
    label: 'Offline',
    title: 'The server cannot be reached. Trying again by itself; nothing will be missed.',
  },
  unauthorized: { label: 'Signed out', title: 'The session has ended. Log in again.' },
  closed: { label: 'Not connected', title: 'Not connected.' },
};

/** Says in a word whether updates arrive live, and in its tooltip what that means. */
export function ConnectionStatus({
  client,
  className = '',
}: {
  client: RealtimeClient;
  className?: string;
}) {
  const { state } = useConnectionStatus(client);
  const { label, title } = TEXTS[state];
  return (
    <span
      role="status"
      className={`pgfeed-status ${className}`.trim()}
      data-state={state}
      title={title}
    >
      <span className="pgfeed-status-dot" aria-hidden="true" />
      {label}
    </span>
  );
}
