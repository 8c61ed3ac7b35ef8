import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiError, RestApi } from './rest.js';
import { ManualClock, settle } from './testing/manual-clock.js';
import { ScriptedTransport } from './testing/scripted-transport.js';

let clock: ManualClock;
let transport: ScriptedTransport;
let api: RestApi;

beforeEach(() => {
  clock = new ManualClock();
  transport = new ScriptedTransport();
  api = new RestApi({ fetch: transport.fetch, clock });
});

afterEach(() => expect(clock.pending, 'timers left behind').toBe(0));

/** What a call is rejected with, once it is. */
function rejection(call: Promise<unknown>): { error: unknown } {
  const outcome: { error: unknown } = { error: null };
  call.catch((error: unknown) => (outcome.error = error));
  return outcome;
}

describe('a call', () => {
  it('fails as the network does when no answer comes within 15 s', async () => {
    for (const call of [() => api.listActivity(), () => api.markRead('1')]) {
      const outcome = rejection(call());
      await clock.advance(14_999);
      const { signal } = transport.next();
      expect([outcome.error, signal?.aborted]).toEqual([null, false]);
      await clock.advance(1);
      expect(outcome.error).toBeInstanceOf(ApiError);
      expect(outcome.error).toMatchObject({ status: 0 });
      expect(signal?.aborted).toBe(true);
    }
  });

  it('fails when the token or the rest of the answer does not come in time', async () => {
    const noToken = new RestApi({ clock, getToken: () => new Promise<never>(() => {}) });
    const cut = new RestApi({ clock, fetch: async () => new Response(new ReadableStream()) });
    const outcomes = [noToken, cut].map((other) => rejection(other.listActivity()));
    await clock.advance(15_000);
    for (const { error } of outcomes) expect(error).toMatchObject({ status: 0 });
  });

  it('ends when its caller gives it up, before or meanwhile', async () => {
    const abort = new AbortController();
    const meanwhile = rejection(api.listNotifications({ signal: abort.signal }));
    await settle();
    abort.abort();
    const before = rejection(api.listNotifications({ signal: abort.signal }));
    await settle();
    expect(transport.next().signal?.aborted).toBe(true);
    for (const { error } of [meanwhile, before]) expect(error).toMatchObject({ status: 0 });
    expect(transport.waiting).toBe(0);
  });

  it('says how long the server asks to wait, where it does', async () => {
    const outcomes = [rejection(api.listActivity()), rejection(api.listActivity())];
    await settle();
    transport.next().json({}, 429, { 'Retry-After': '20' });
    transport.next().json({}, 503);
    await settle();
    expect(outcomes.map(({ error }) => (error as ApiError).retryAfterMs)).toEqual([20_000, null]);
  });

  it('takes an answer that comes in time', async () => {
    const page = api.listActivity();
    await clock.advance(14_999);
    transport.next().json({ events: [], cursor: 'c1', before: null });
    expect(await page).toEqual({ events: [], cursor: 'c1', before: null });
  });
});
