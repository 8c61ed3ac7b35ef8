import { useId, useMemo } from 'react';
import {
  ActivityBadge,
  ActivityFeed,
  ConnectionStatus,
  type Messages,
  NotificationBell,
  PgfeedProvider,
  useConnectionStatus,
} from '@pgfeed/react';
import { RestApi, SharedClient } from '@pgfeed/client';
import { DeveloperPanel } from './developer-panel.js';
import { FaultyNetwork } from './faults.js';
import { InsertForm } from './insert-form.js';
import { Login, type Tenants } from './login.js';
import { nameOf, type Session, useSession } from './session.js';

/** One of the page's two halves, with a login and a connection of its own. */
export function Panel({
  name,
  storageKey,
  tenants,
  messages,
}: {
  name: string;
  storageKey: string;
  tenants: Tenants;
  messages: Messages;
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
          messages={messages}
          onLogout={() => setSession(null)}
        />
      )}
    </section>
  );
}

function LoggedIn({
  session,
  isDemo,
  messages,
  onLogout,
}: {
  session: Session;
  isDemo: boolean;
  messages: Messages;
  onLogout: () => void;
}) {
  const { token, tenantName, userName } = session;
  const [client, api, network] = useMemo(() => {
    const faulty = new FaultyNetwork();
    const access = { getToken: () => token, fetch: faulty.fetch };
    return [new SharedClient(access), new RestApi(access), faulty] as const;
  }, [token]);
  const feedId = useId();
  const openFeed = () => {
    const feed = document.getElementById(feedId);
    feed?.scrollTo({ top: 0 });
    feed?.scrollIntoView({ block: 'nearest' });
    feed?.querySelector<HTMLElement>('article')?.focus({ preventScroll: true });
  };
  return (
    <PgfeedProvider
      client={client}
      api={api}
      messages={messages}
      storageKey={`pgfeed-demo:${tenantName ?? ''}:${userName ?? nameOf(token)}`}
    >
      <header className="panel-head">
        <Names session={session} />
        <div className="panel-side">
          <ConnectionStatus />
          <ActivityBadge onOpen={openFeed} />
          <NotificationBell />
          <button type="button" className="demo-button" onClick={onLogout}>
            Log out
          </button>
        </div>
      </header>
      {isDemo && <InsertForm token={token} />}
      <ActivityFeed id={feedId} className="panel-feed" />
      <DeveloperPanel token={token} isDemo={isDemo} network={network} />
    </PgfeedProvider>
  );
}

/** Who is logged in: as the login said, or as the server says of a pasted token. */
function Names({ session }: { session: Session }) {
  const status = useConnectionStatus();
  const identity = status.state === 'live' ? status.identity : null;
  return (
    <div className="panel-names">
      <h2>{session.tenantName ?? identity?.tenant ?? 'Session token'}</h2>
      <span className="panel-user">{session.userName ?? identity?.user ?? ''}</span>
    </div>
  );
}
