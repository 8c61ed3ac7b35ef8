import type { ActivityEvent, NotificationEvent } from '../client.js';
import type { Fetch } from '../request.js';

/** A request that the client made, waiting for the test to answer it. */
export class PendingRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly credentials: RequestCredentials | undefined;
  readonly signal: AbortSignal | null;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    url: string,
    init: RequestInit,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void,
  ) {
    this.url = url;
    this.method = init.method ?? 'GET';
    this.headers = new Headers(init.headers);
    this.credentials = init.credentials;
    this.signal = init.signal ?? null;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Answers with a JSON body. */
  json(body: unknown, status = 200, headers: Record<string, string> = {}): void {
    this.#resolve(
      new Response(JSON.stringify(body), {
        status,
        headers: { 'Content-Type': 'application/json', ...headers },
      }),
    );
  }

  /** Fails as the network does. */
  fail(): void {
    this.#reject(new TypeError('Failed to fetch'));
  }

  /** Answers with an event stream that the test writes. */
  stream(): ScriptedStream {
    const stream = new ScriptedStream();
    this.#resolve(new Response(stream.body, { headers: { 'Content-Type': 'text/event-stream' } }));
    return stream;
  }
}

/** The body of an event stream, written piece by piece. */
export class ScriptedStream {
  readonly body: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor() {
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
    });
  }

  write(text: string): void {
    this.writeBytes(new TextEncoder().encode(text));
  }

  writeBytes(bytes: Uint8Array): void {
    this.#controller?.enqueue(bytes);
  }

  /** Writes one frame. */
  frame(event: string, data: unknown, id?: string): void {
    this.write(
      `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`,
    );
  }

  hello(cursor = 'c0'): void {
    this.write('retry: 1000\n');
    this.frame('hello', { tenant: 'acme', user: 'ada', heartbeat: 30, cursor }, cursor);
  }

  activity(id: string, cursor?: string): void {
    this.frame('activity:new', activity(id), cursor);
  }

  /** Ends as a server or proxy that closes the connection. */
  end(): void {
    this.#controller?.close();
  }

  /** Breaks as a network does. */
  break(): void {
    this.#controller?.error(new TypeError('network error'));
  }
}

/** An envelope as the gateway sends it. */
export function activity(id: string, description = `did ${id}`): ActivityEvent {
  return {
    type: 'activity',
    event: 'activity:new',
    id,
    data: {
      id,
      tenantId: 'acme',
      userId: 'ada',
      userName: 'Ada',
      action: 'did',
      description,
      createdAt: '2026-01-01T00:00:00Z',
    },
    timestamp: '2026-01-01T00:00:00Z',
  };
}

/** A notification's envelope as the gateway sends it. */
export function notification(
  id: string,
  event: NotificationEvent['event'] = 'notification:new',
): NotificationEvent {
  return {
    type: 'notification',
    event,
    id,
    data: {
      id,
      tenantId: 'acme',
      userId: 'ada',
      type: 'info',
      category: 'task_assigned',
      title: `Task ${id}`,
      body: '',
      readAt: event === 'notification:read' ? '2026-01-01T00:00:00Z' : null,
      createdAt: '2026-01-01T00:00:00Z',
    },
    timestamp: '2026-01-01T00:00:00Z',
  };
}

/** Keeps the requests that are made until the test answers them. */
export class ScriptedTransport {
  readonly requests: PendingRequest[] = [];
  #taken = 0;

  readonly fetch: Fetch = (url, init) =>
    new Promise((resolve, reject) => {
      const request = new PendingRequest(url, init, resolve, reject);
      request.signal?.addEventListener('abort', () =>
        reject(new DOMException('aborted', 'AbortError')),
      );
      this.requests.push(request);
    });

  /** The next request in order; it's an error if there is none. */
  next(): PendingRequest {
    const request = this.requests[this.#taken];
    if (request === undefined) throw new Error('no further request was made');
    this.#taken++;
    return request;
  }

  /** How many requests weren't taken yet. */
  get waiting(): number {
    return this.requests.length - this.#taken;
  }
}
