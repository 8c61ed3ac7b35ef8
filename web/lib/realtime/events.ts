import type { Identity, JsonObject, RealtimeEvent, ResetReason } from './client.js';

/** Whether a decoded JSON value is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Decodes JSON, or gives `undefined` where it isn't JSON. */
export function decodeJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Reads an envelope, or gives `null` for what isn't one or is of a kind that this version doesn't know. */
export function toEvent(value: unknown): RealtimeEvent | null {
  if (!isObject(value) || !isObject(value.data)) return null;
  const { type, event, data, timestamp } = value;
  const id = toId(value.id);
  if (id === null || typeof timestamp !== 'string') return null;
  if (type === 'activity' && event === 'activity:new') return { type, event, id, data, timestamp };
  if (type === 'notification' && (event === 'notification:new' || event === 'notification:read')) {
    return { type, event, id, data, timestamp };
  }
  return null;
}

/** Reads the envelopes of a list, leaving out what isn't one. */
export function toEvents(value: unknown): RealtimeEvent[] {
  return Array.isArray(value) ? value.map(toEvent).filter((event) => event !== null) : [];
}

/** An id as text: databases with 64-bit keys may send a number or a string. */
export function toId(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

/** A time in milliseconds; `null` for what is none. */
export function toTime(value: string | null): number | null {
  const time = Date.parse(value ?? '');
  return Number.isNaN(time) ? null : time;
}

/** The reason of a reset; an unknown one is as good as `invalid`, because the reader must reload all the same. */
export function toResetReason(value: unknown): ResetReason {
  return value === 'expired' || value === 'epoch' || value === 'overflow' ? value : 'invalid';
}

/** Whom the server took us for; `null` where it doesn't say. */
export function toIdentity(fields: JsonObject): Identity | null {
  const tenant = toId(fields.tenant);
  const user = toId(fields.user);
  return tenant === null || user === null ? null : { tenant, user };
}
