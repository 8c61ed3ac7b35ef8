import { retryAfterMs } from './backoff.js';
import type { Identity, RealtimeEvent, ResetReason } from './client.js';
import type { Clock } from './clock.js';
import {
  decodeJson,
  isObject,
  toEvent,
  toId,
  toIdentity,
  toResetReason,
  toTime,
} from './events.js';
import { type Access, send, untilAborted } from './request.js';
import { SSEParser, type ServerSentEvent } from './sse-parser.js';

/** How a stream came to its end. */
export type StreamEnd =
  | { readonly kind: 'unauthorized' }
  /** Refused: another status than 200, or an answer that isn't an event stream. */
  | { readonly kind: 'rejected'; readonly retryAfterMs: number | null; readonly badCursor: boolean }
  /** The server said why it closes. */
  | { readonly kind: 'bye'; readonly reason: string }
  /** Nobody said anything: network, silence, or no greeting. */
  | { readonly kind: 'lost' };

/** What a stream reports while it lasts. */
interface StreamHandlers {
  /** Something was received, be it a comment. */
  onBytes(): void;
  onHello(identity: Identity): void;
  onEvent(event: RealtimeEvent): void;
  onReset(reason: ResetReason): void;
  /** Called just before the handler of the frame that carries it. */
  onCursor(cursor: string): void;
  onRetry(milliseconds: number): void;
  /** What time it was at the server when it sent what was just received. */
  onTime(time: number): void;
}

/** One connection: where, and from where on. */
export interface StreamOptions {
  readonly access: Access;
  readonly path: string;
  readonly cursor: string | null;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly handlers: StreamHandlers;
}

/** Opens one stream and reads it to its end. Never rejects; after an abort of the signal it reports nothing more. */
export async function readStream(options: StreamOptions): Promise<StreamEnd> {
  const { clock, handlers, signal } = options;
  // A stream that has ended otherwise is let go of as well.
  const abort = new AbortController();
  const giveUp = () => abort.abort();
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    const response = await send(options.access, options.path, {
      headers: {
        Accept: 'text/event-stream',
        ...(options.cursor === null ? {} : { 'Last-Event-ID': options.cursor }),
      },
      signal: abort.signal,
    });
    // Another origin's script may not be shown it: then the first ping tells.
    tellTime(handlers, response.headers.get('Date'));
    if (!isStream(response)) return await refusal(response, clock, abort.signal);

    const frames = new FrameReader(handlers, signal);
    const reader = response.body.getReader();
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    while (frames.bye === null) {
      const { done, value } = await untilAborted(reader.read(), abort.signal);
      if (done) break;
      handlers.onBytes();
      frames.push(decoder.decode(value, { stream: true }));
    }
    return frames.bye === null ? { kind: 'lost' } : { kind: 'bye', reason: frames.bye };
  } catch {
    return { kind: 'lost' };
  } finally {
    signal.removeEventListener('abort', giveUp);
    giveUp();
  }
}

type StreamResponse = Response & { readonly body: ReadableStream<Uint8Array> };

function isStream(response: Response): response is StreamResponse {
  const type = response.headers.get('Content-Type') ?? '';
  return response.status === 200 && response.body !== null && /^text\/event-stream\b/i.test(type);
}

async function refusal(response: Response, clock: Clock, signal: AbortSignal): Promise<StreamEnd> {
  if (response.status === 401) return { kind: 'unauthorized' };
  return {
    kind: 'rejected',
    retryAfterMs: retryAfterMs(response, clock),
    badCursor: await isBadCursor(response, signal),
  };
}

/** Whether the server refused the cursor itself, so that trying again with it is of no use. */
export async function isBadCursor(response: Response, signal: AbortSignal): Promise<boolean> {
  if (response.status !== 400) return false;
  const problem = decodeJson(await untilAborted(response.text(), signal));
  const field = isObject(problem) && typeof problem.field === 'string' ? problem.field : '';
  return ['cursor', 'last-event-id'].includes(field.toLowerCase());
}

function tellTime(handlers: StreamHandlers, text: string | null): void {
  const time = toTime(text);
  if (time !== null) handlers.onTime(time);
}

/** Turns the frames of one connection into calls of the handlers. */
class FrameReader {
  /** Why the server closes, once it has said so. */
  bye: string | null = null;
  #greeted = false;
  readonly #parser: SSEParser;
  readonly #handlers: StreamHandlers;
  readonly #signal: AbortSignal;

  constructor(handlers: StreamHandlers, signal: AbortSignal) {
    this.#handlers = handlers;
    this.#signal = signal;
    this.#parser = new SSEParser({
      onEvent: (frame) => this.#frame(frame),
      onRetry: (milliseconds) => handlers.onRetry(milliseconds),
    });
  }

  push(text: string): void {
    this.#parser.push(text);
  }

  #frame(frame: ServerSentEvent): void {
    // A listener may have disconnected in the middle of a chunk.
    if (this.bye !== null || this.#signal.aborted) return;
    if (frame.lastEventId !== '') this.#handlers.onCursor(frame.lastEventId);
    const data = decodeJson(frame.data);
    const fields = isObject(data) ? data : {};
    switch (frame.type) {
      case 'hello':
        if (!this.#greeted) {
          this.#greeted = true;
          this.#handlers.onHello(toIdentity(fields) ?? { tenant: '', user: '' });
        }
        break;
      case 'reset':
        this.#handlers.onReset(toResetReason(fields.reason));
        break;
      case 'ping':
        tellTime(this.#handlers, toId(fields.timestamp));
        break;
      case 'bye':
        this.bye = toId(fields.reason) ?? '';
        break;
      default: {
        const event = toEvent(data);
        if (event !== null && event.event === frame.type) this.#handlers.onEvent(event);
      }
    }
  }
}
