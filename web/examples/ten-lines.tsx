import { RestApi, SharedClient } from '@pgfeed/client';
import { ActivityFeed, ConnectionStatus, NotificationBell, PgfeedProvider } from '@pgfeed/react';
import '@pgfeed/react/pgfeed.css';

const client = new SharedClient(); // the session's cookie says who it is
const api = new RestApi();

export function Live() {
  return (
    <PgfeedProvider client={client} api={api}>
      <ConnectionStatus />
      <NotificationBell onSelect={({ entityId }) => location.assign(`/tasks/${entityId}`)} />
      <ActivityFeed /> {/* loads history, then goes live where it ends */}
    </PgfeedProvider>
  );
}
