import type { Identity, RealtimeEvent, ResetReason } from '../client.js';
import type { Fetch } from '../request.js';
import { ScriptedStream } from './scripted-transport.js';

interface OpenStream {
  readonly stream: ScriptedStream;
  readonly signal: AbortSignal | null;
}

/**
 * A gateway in memory, to be given to a client as `fetch`: it keeps what is published, streams it, answers polls and
 * lists, and goes on from a cursor. For tests of applications, and of clients.
 */
export class FakeGateway {
  identity: Identity = { tenant: 'acme', user: 'ada' };
  /** Answers everything with this while it is set. */
  refusal: { readonly status: number; readonly headers?: Record<string, string> } | null = null;
  /** Whether it can't be reached at all. */
  unreachable = false;
  /** Every request that was made, in order. */
  readonly requests: { readonly path: string; readonly lastEventId: string | null }[] = [];
  readonly #log: RealtimeEvent[] = [];
  readonly #streams = new Set<OpenStream>();
  #reset: { readonly reason: ResetReason; readonly before: number } | null = null;

  readonly fetch: Fetch = async (url, init) => {
    const { pathname, searchParams } = new URL(url, 'http://gateway.test');
    const lastEventId = new Headers(init.headers).get('Last-Event-ID');
    this.requests.push({ path: pathname, lastEventId });
    if (this.unreachable) throw new TypeError('Failed to fetch');
    if (this.refusal !== null) {
      return json({ status: this.refusal.status }, this.refusal.status, this.refusal.headers);
    }
    const cursor = lastEventId ?? searchParams.get('cursor');
    if (pathname === '/api/activity/stream') return this.#stream(cursor, init.signal ?? null);
    if (pathname === '/api/activity' && cursor !== null) return this.#poll(cursor);
    if (pathname === '/api/activity') {
      return json({ ...this.identity, events: this.#log.toReversed(), cursor: this.cursor });
    }
    return json({ title: 'Not Found' }, 404);
  };

  /** The cursor after what was published last. */
  get cursor(): string {
    return `c${this.#log.length}`;
  }

  /** How many streams are open. */
  get streams(): number {
    for (const open of this.#streams) if (open.signal?.aborted) this.#streams.delete(open);
    return this.#streams.size;
  }

  /** Keeps events and sends them to whoever listens. */
  publish(...events: readonly RealtimeEvent[]): void {
    for (const event of events) {
      this.#log.push(event);
      this.#each((stream) => stream.frame(event.event, event, this.cursor));
    }
  }

  /** Sends an event once more, as a replay that overlaps does. */
  repeat(event: RealtimeEvent): void {
    this.#each((stream) => stream.frame(event.event, event));
  }

  /** Lets streams know that they may have missed something, and those that poll from a cursor of before. */
  reset(reason: ResetReason): void {
    this.#reset = { reason, before: this.#log.length };
    this.#each((stream) => stream.frame('reset', { reason }, this.cursor));
  }

  /** Sends a sign of life with the cursor and, where it is given, the server's time. */
  ping(timestamp?: string): void {
    this.#each((stream) => stream.frame('ping', { timestamp }, this.cursor));
  }

  /** Breaks all streams. */
  cut(): void {
    this.#each((stream) => stream.break());
    this.#streams.clear();
  }

  /** Says goodbye and closes all streams. */
  bye(reason: string): void {
    this.#each((stream) => {
      stream.frame('bye', { reason });
      stream.end();
    });
    this.#streams.clear();
  }

  #stream(cursor: string | null, signal: AbortSignal | null): Response {
    const stream = new ScriptedStream();
    this.#streams.add({ stream, signal });
    const from = cursor === null ? this.#log.length : position(cursor);
    stream.write('retry: 1000\n');
    stream.frame('hello', { ...this.identity, heartbeat: 30, cursor: `c${from}` }, `c${from}`);
    this.#log.forEach((event, at) => {
      if (at >= from) stream.frame(event.event, event, `c${at + 1}`);
    });
    return new Response(stream.body, { headers: { 'Content-Type': 'text/event-stream' } });
  }

  #poll(cursor: string): Response {
    const from = position(cursor);
    const isReset = this.#reset !== null && from <= this.#reset.before;
    const reason = this.#reset?.reason;
    if (isReset) this.#reset = null;
    return json({
      ...this.identity,
      events: this.#log.slice(from),
      cursor: this.cursor,
      more: false,
      ...(isReset ? { reset: { reason } } : {}),
    });
  }

  #each(act: (stream: ScriptedStream) => void): void {
    for (const { stream, signal } of this.#streams) if (!signal?.aborted) act(stream);
  }
}

function position(cursor: string): number {
  return Number(cursor.slice(1));
}

function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': 'application/json', ...headers },
  });
}
