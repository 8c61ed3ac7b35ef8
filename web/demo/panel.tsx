import { useEffect, useMemo } from 'react';
import {
  ActivityFeed,
  ConnectionStatus,
  NotificationList,
  useConnectionStatus,
} from '../components';
import { RestApi, SSEClient } from '../lib/realtime';
import { InsertForm } from './insert-form';
import { Login, type Tenants } from './login';
import { type Session, useSession } from './session';

/** One of the page's two halves, with a login and a connection of its own. */
export function Panel({
  name,
  storageKey,
  tenants,
}: {
  name: string;
  storageKey: string;
  tenants: Tenants;
}) {
  const [session, setSession] = useSession(storageKey);
  return (
    <section className="panel" aria-label={name}>
      {session === null ? (
        <Login tenants={tenants} onLogin={setSession} />
      ) : (
        <LoggedIn
          key={session.token}
          session={session}
          isDemo={Array.isArray(tenants)}
          onLogout={() => setSession(null)}
        />
      )}
    </section>
  );
}

function LoggedIn({
  session,
  isDemo,
  onLogout,
}: {
  session: Session;
  isDemo: boolean;
  onLogout: () => void;
}) {
  const { token } = session;
  const [client, api] = useMemo(() => {
    const access = { getToken: () => token };
    return [new SSEClient(access), new RestApi(access)] as const;
  }, [token]);
  useEffect(() => () => client.disconnect(), [client]);

  const status = useConnectionStatus(client);
  const identity = status.state === 'live' ? status.identity : null;
  const ended = status.state === 'unauthorized';
  return (
    <>
      <header className="panel-head">
        <h2>{session.tenantName ?? identity?.tenant ?? 'Session token'}</h2>
        <span className="panel-user">{session.userName ?? identity?.user ?? ''}</span>
        <div className="panel-side">
          <ConnectionStatus client={client} />
          <button type="button" onClick={onLogout}>
            Log out
          </button>
        </div>
      </header>
      {ended && (
        <p className="pgfeed-notice" role="alert">
          The session has ended. Log out, and in again.
        </p>
      )}
      {isDemo && <InsertForm token={token} />}
      <div className="panel-section">
        <NotificationList client={client} api={api} />
      </div>
      <div className="panel-section">
        <h3>Activity</h3>
        <ActivityFeed client={client} api={api} />
      </div>
    </>
  );
}
