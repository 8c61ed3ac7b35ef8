import { Auth, skipCSRFCheck } from '@auth/core';
import PostgresAdapter from '@auth/pg-adapter';
import { SSEClient } from '@pgfeed/client';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { organization } from 'better-auth/plugins/organization';
import { Pool } from 'pg';
import { expect, test } from './fixtures';

// Sessions that the libraries make themselves, in their own tables, with the cookies that they set. Each in a database
// of its own; the client runs in Node, which shows that it needs no browser.
const secret = 'a secret of the application, long enough';

/** What a browser would send back of the cookies that were set. */
function cookiesOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0] ?? '')
    .join('; ');
}

/** A client that comes with a cookie, as a page on the same site does. */
function clientWith(baseUrl: string, cookie: string): SSEClient {
  return new SSEClient({
    baseUrl,
    fetch: (url, init) => {
      const headers = new Headers(init.headers);
      headers.set('Cookie', cookie);
      return fetch(url, { ...init, headers });
    },
  });
}

test('a session that better-auth made opens a stream, until better-auth ends it', async ({
  world,
}) => {
  const database = await world.createDatabase('betterauth');
  const pool = new Pool({ connectionString: database.url });
  const options = {
    database: pool,
    secret,
    baseURL: 'http://localhost:3000',
    emailAndPassword: { enabled: true },
    plugins: [organization()],
  };
  const auth = betterAuth(options);
  await (await getMigrations(options)).runMigrations();
  await database.command('session', 'watch', '--session-preset=better-auth');
  const gateway = await database.startGateway(
    '--session-preset=better-auth',
    `--better-auth-secret=${secret}`,
  );
  try {
    const signedUp = await auth.api.signUpEmail({
      body: { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' },
      asResponse: true,
    });
    const cookie = cookiesOf(signedUp);
    const headers = new Headers({ cookie });
    const { user } = (await signedUp.json()) as { user: { id: string } };
    const acme = await auth.api.createOrganization({
      body: { name: 'Acme', slug: 'acme' },
      headers,
    });
    const tenant = acme?.id ?? '';

    const client = clientWith(gateway.address, cookie);
    const got: unknown[] = [];
    client.subscribe('activity:new', ({ data }) => got.push(data.description));
    client.connect();
    await expect.poll(() => client.status.state).toBe('live');
    expect(client.status).toMatchObject({ identity: { tenant, user: user.id } });
    await database.insertActivity('another organization', 'not for Ada');
    await database.insertActivity(tenant, 'for Acme');
    await expect.poll(() => got).toEqual(['for Acme']);

    await auth.api.signOut({ headers });
    await expect.poll(() => client.status.state, { timeout: 30_000 }).toBe('unauthorized');
    client.disconnect();
  } finally {
    await gateway.stop('SIGKILL');
    await pool.end();
  }
});

test('a session that Auth.js keeps in the database opens a stream, until Auth.js ends it', async ({
  world,
}) => {
  const database = await world.createDatabase('authjs');
  const pool = new Pool({ connectionString: database.url });
  // The table of pgfeed's own example has the name of one of Auth.js'. These are from its adapter's documentation, and
  // the column that says whose tenant a user is.
  await pool.query(`
    drop table sessions;
    create table verification_token (identifier text not null, expires timestamptz not null, token text not null, primary key (identifier, token));
    create table accounts (id serial primary key, "userId" integer not null, type varchar(255) not null, provider varchar(255) not null,
      "providerAccountId" varchar(255) not null, refresh_token text, access_token text, expires_at bigint, id_token text, scope text,
      session_state text, token_type text);
    create table sessions (id serial primary key, "userId" integer not null, expires timestamptz not null, "sessionToken" varchar(255) not null);
    create table users (id serial primary key, name varchar(255), email varchar(255), "emailVerified" timestamptz, image text,
      "tenantId" text default 'acme')`);
  await database.command(
    'session',
    'watch',
    '--session-preset=authjs',
    '--session-tenant-column=tenantId',
  );
  const gateway = await database.startGateway(
    '--session-preset=authjs',
    '--session-tenant-column=tenantId',
  );
  let link = '';
  const call = (path: string, init?: RequestInit) =>
    Auth(new Request(new URL(path, 'http://localhost:3000/auth/'), init), {
      adapter: PostgresAdapter(pool),
      basePath: '/auth',
      secret,
      trustHost: true,
      skipCSRFCheck,
      session: { strategy: 'database' },
      providers: [
        {
          id: 'email',
          type: 'email',
          name: 'Email',
          from: 'app@example.com',
          maxAge: 600,
          sendVerificationRequest: ({ url }) => {
            link = url;
          },
        },
      ],
    }) as Promise<Response>;
  try {
    const body = new URLSearchParams({ email: 'ada@example.com' });
    await call('signin/email', { method: 'POST', body });
    const cookie = cookiesOf(await call(link));
    expect(cookie).toContain('authjs.session-token=');

    const client = clientWith(gateway.address, cookie);
    const got: unknown[] = [];
    client.subscribe('activity:new', ({ data }) => got.push(data.description));
    client.connect();
    await expect.poll(() => client.status.state).toBe('live');
    expect(client.status).toMatchObject({ identity: { tenant: 'acme', user: '1' } });
    await database.insertActivity('globex', 'not for Ada');
    await database.insertActivity('acme', 'for Acme');
    await expect.poll(() => got).toEqual(['for Acme']);

    await call('signout', { method: 'POST', headers: { cookie } });
    await expect.poll(() => client.status.state, { timeout: 30_000 }).toBe('unauthorized');
    client.disconnect();
  } finally {
    await gateway.stop('SIGKILL');
    await pool.end();
  }
});
