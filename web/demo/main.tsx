import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import '@pgfeed/react/pgfeed.css';
import './page.css';
import { listTenants } from './demo-api.js';
import { DisplaySettings, useDisplay } from './display.js';
import type { Tenants } from './login.js';
import { Panel } from './panel.js';

function Page() {
  const [tenants, setTenants] = useState<Tenants>('loading');
  const [display, messages, setDisplay] = useDisplay();
  useEffect(() => {
    const abort = new AbortController();
    listTenants(abort.signal).then(setTenants, () => {
      if (!abort.signal.aborted) setTenants('unreachable');
    });
    return () => abort.abort();
  }, []);
  return (
    <>
      <header className="page-head">
        <div>
          <h1>pgfeed</h1>
          <p>A row inserted in Postgres appears here at once, for its tenant and for no other.</p>
        </div>
        <DisplaySettings display={display} onChange={setDisplay} />
      </header>
      <main className="panels">
        {(['Left', 'Right'] as const).map((side) => (
          <Panel
            key={side}
            name={`${side} panel`}
            storageKey={`pgfeed-demo:${side.toLowerCase()}`}
            tenants={tenants}
            messages={messages}
          />
        ))}
      </main>
    </>
  );
}

const root = document.getElementById('root');
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <Page />
    </StrictMode>,
  );
}
