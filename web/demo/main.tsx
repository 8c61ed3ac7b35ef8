import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import '../components/pgfeed.css';
import './page.css';
import { listTenants } from './demo-api';
import type { Tenants } from './login';
import { Panel } from './panel';

function Page() {
  const [tenants, setTenants] = useState<Tenants>('loading');
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
        <h1>pgfeed</h1>
        <p>A row inserted in Postgres appears here at once, for its tenant and for no other.</p>
      </header>
      <main className="panels">
        <Panel name="Left panel" storageKey="pgfeed-demo:left" tenants={tenants} />
        <Panel name="Right panel" storageKey="pgfeed-demo:right" tenants={tenants} />
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
