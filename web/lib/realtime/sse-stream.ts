import { retryAfterMs } from './backoff';
import type { Identity, RealtimeEvent, ResetReason } from './client';
import type { Clock } from './clock';
import { decodeJson, isObject, toEvent, toId, toResetReason } from './events';
import { type Access, send, untilAborted } from './request';
import { SSEParser, type ServerSentEvent } from './sse-parser';

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
export interface StreamHandlers {
  onHello(identity: Identity): void;
  onEvent(event: RealtimeEvent): void;
  onReset(reason: ResetReason): void;
  /** Called just before the handler of the frame that carries it. */
  onCursor(cursor: string): void;
  onRetry(milliseconds: number): void;
}

/** One connection: where, from where on, and how patient. */
export interface StreamOptions {
  readonly access: Access;
  readonly path: string;
  readonly cursor: string | null;
  readonly clock: Clock;
  /** Proxies that buffer answer 200 and then nothing: without `hello` by then the attempt has failed. */
  readonly helloTimeoutMs: number;
  /** The server sends something every few seconds: silence for so long means a dead connection. */
  readonly staleAfterMs: number;
  readonly signal: AbortSignal;
  readonly handlers: StreamHandlers;
}

/** Opens one stream and reads it to its end. Never rejects; after an abort of the signal it reports nothing more. */
export async function readStream(options: StreamOptions): Promise<StreamEnd> {
  const { clock, signal } = options;
  const abort = new AbortController();
  const giveUp = () => abort.abort();
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();

  let lastBytesAt = clock.now();
  let cancelWatch = clock.after(options.helloTimeoutMs, giveUp);
  const watchSilence = () => {
    const left = lastBytesAt + options.staleAfterMs - clock.now();
    if (left <= 0) giveUp();
    else cancelWatch = clock.after(left, watchSilence);
  };

  try {
    const response = await send(options.access, options.path, {
      headers: {
        Accept: 'text/event-stream',
        ...(options.cursor === null ? {} : { 'Last-Event-ID': options.cursor }),
      },
      signal: abort.signal,
    });
    if (!isStream(response)) return await refusal(response, clock, abort.signal);

    const frames = new FrameReader(options.handlers, signal, () => {
      cancelWatch();
      watchSilence();
    });
    const reader = response.body.getReader();
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    while (frames.bye === null) {
      const { done, value } = await untilAborted(reader.read(), abort.signal);
      if (done) break;
      lastBytesAt = clock.now();
      frames.push(decoder.decode(value, { stream: true }));
    }
    return frames.bye === null ? { kind: 'lost' } : { kind: 'bye', reason: frames.bye };
  } catch {
    return { kind: 'lost' };
  } finally {
    cancelWatch();
    signal.removeEventListener('abort', giveUp);
    // Lets go of the connection however the stream ended.
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

/** Turns the frames of one connection into calls of the handlers. */
class FrameReader {
  /** Why the server closes, once it has said so. */
  bye: string | null = null;
  #greeted = false;
  readonly #parser: SSEParser;
  readonly #handlers: StreamHandlers;
  readonly #signal: AbortSignal;
  readonly #onGreeted: () => void;

  constructor(handlers: StreamHandlers, signal: AbortSignal, onGreeted: () => void) {
    this.#handlers = handlers;
    this.#signal = signal;
    this.#onGreeted = onGreeted;
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
          this.#onGreeted();
          this.#handlers.onHello({
            tenant: toId(fields.tenant) ?? '',
            user: toId(fields.user) ?? '',
          });
        }
        break;
      case 'reset':
        this.#handlers.onReset(toResetReason(fields.reason));
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
