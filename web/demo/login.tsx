import { type SubmitEvent, useState } from 'react';
import { type DemoTenant, logIn } from './demo-api.js';
import type { Session } from './session.js';

/** What is known about the demo's tenants: `null` means that this isn't a demo. */
export type Tenants = 'loading' | 'unreachable' | readonly DemoTenant[] | null;

/** Logs a panel in: with a click in a demo, or with a session token. */
export function Login({
  tenants,
  onLogin,
}: {
  tenants: Tenants;
  onLogin: (session: Session) => void;
}) {
  const [error, setError] = useState<string | null>(null);
  const choose = (tenant: DemoTenant, user: string) => {
    setError(null);
    logIn(tenant, user).then(onLogin, (reason: unknown) =>
      setError(reason instanceof Error ? reason.message : 'The login failed.'),
    );
  };
  return (
    <div className="login">
      <h2>Log in</h2>
      {tenants === 'loading' && <p className="hint">Loading…</p>}
      {tenants === 'unreachable' && (
        <p className="problem" role="alert">
          The server cannot be reached. Reload the page to try again.
        </p>
      )}
      {Array.isArray(tenants) &&
        tenants.map((tenant: DemoTenant) => (
          <fieldset key={tenant.id}>
            <legend>{tenant.name}</legend>
            <div className="row">
              {tenant.users.map((user) => (
                <button
                  key={user.id}
                  type="button"
                  className="demo-button"
                  onClick={() => choose(tenant, user.id)}
                >
                  {user.name}
                </button>
              ))}
            </div>
          </fieldset>
        ))}
      {error !== null && (
        <p className="problem" role="alert">
          {error}
        </p>
      )}
      <details open={!Array.isArray(tenants) && tenants !== 'loading'}>
        <summary>Use a session token</summary>
        <p className="hint">
          As printed by <code>pgfeed session create --tenant T --user U</code>.
        </p>
        <TokenForm onLogin={onLogin} />
      </details>
    </div>
  );
}

function TokenForm({ onLogin }: { onLogin: (session: Session) => void }) {
  const [token, setToken] = useState('');
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (token.trim() !== '') onLogin({ token: token.trim(), tenantName: null, userName: null });
  };
  return (
    <form className="row" onSubmit={submit}>
      <input
        aria-label="Session token"
        autoComplete="off"
        spellCheck={false}
        value={token}
        onChange={(event) => setToken(event.target.value)}
      />
      <button type="submit" className="demo-button demo-primary" disabled={token.trim() === ''}>
        Use token
      </button>
    </form>
  );
}
