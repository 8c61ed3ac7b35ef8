import type { NotificationType } from '@pgfeed/react';
import { decodeJson, isObject, toId } from '../lib/realtime/events.js';
import type { JsonObject } from '@pgfeed/client';
import type { Session } from './session.js';

/** A tenant of the demo, and who can log in to it with a click. */
export interface DemoTenant {
  readonly id: string;
  readonly name: string;
  readonly users: readonly { readonly id: string; readonly name: string }[];
}

/** The demo's tenants, or `null` where the gateway isn't a demo: then only a token logs in. */
export async function listTenants(signal: AbortSignal): Promise<readonly DemoTenant[] | null> {
  const response = await fetch('/demo/tenants', { signal });
  if (response.status === 404) return null;
  const body = await answer(response);
  return objects(body.tenants).map((tenant) => ({
    ...named(tenant),
    users: objects(tenant.users).map(named),
  }));
}

/** Logs in without a password, which only the demo allows. */
export async function logIn(tenant: DemoTenant, user: string): Promise<Session> {
  const body = await answer(
    await fetch('/demo/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ tenant: tenant.id, user }),
    }),
  );
  const token = toId(body.token);
  if (token === null) throw new Error('The login gave no token.');
  return { token, tenantName: tenant.name, userName: toId(body.userName) ?? user };
}

/** Inserts a row into "activityLogs" as the user of the session. */
export async function insertActivity(token: string, description: string): Promise<void> {
  await post('/demo/activity', token, { description });
}

/** What a user of the demo can be sent. */
export interface DemoNotification {
  readonly type: NotificationType;
  readonly category: string;
  readonly title: string;
  readonly body: string;
}

/** Inserts a row into "notifications" for the user of the session. */
export async function insertNotification(token: string, row: DemoNotification): Promise<void> {
  await post('/demo/notification', token, row);
}

async function post(path: string, token: string, body: object): Promise<void> {
  await answer(
    await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    }),
  );
}

async function answer(response: Response): Promise<JsonObject> {
  const decoded = decodeJson(await response.text());
  const body = isObject(decoded) ? decoded : {};
  if (!response.ok) {
    throw new Error(
      toId(body.detail) ?? toId(body.title) ?? `The server answered ${response.status}.`,
    );
  }
  return body;
}

function objects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function named(row: JsonObject): { id: string; name: string } {
  const id = toId(row.id) ?? '';
  return { id, name: toId(row.name) ?? id };
}
