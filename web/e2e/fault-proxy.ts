import {
  createServer,
  type IncomingMessage,
  request as forward,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of a request for a stream. */
export type StreamFault =
  | { readonly kind: 'none' }
  /** The connection is reset before there is an answer. */
  | { readonly kind: 'refuse' }
  /** 200 and then nothing, as from a proxy that buffers. */
  | { readonly kind: 'buffer' }
  | { readonly kind: 'answer'; readonly status: number; readonly retryAfter: string };

/** A proxy before a gateway, on real sockets, that does to streams what networks and proxies do. */
export class FaultProxy {
  readonly #server: Server;
  readonly #open = new Set<Stream>();
  /** The gateway's address. */
  target: string;
  /** What becomes of new streams. */
  fault: StreamFault = { kind: 'none' };
  /** Requests for streams so far, however they ended. */
  attempts = 0;
  /** All calls of the API so far, streams among them. */
  calls = 0;

  private constructor(target: string) {
    this.target = target;
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  static async start(target: string): Promise<FaultProxy> {
    const faults = new FaultProxy(target);
    await new Promise<void>((resolve) => {
      faults.#server.listen(0, '127.0.0.1', resolve);
    });
    return faults;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#open.size;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    this.#server.closeAllConnections();
    await closed;
  }

  /** Breaks the streams that are open. */
  cut(): void {
    for (const stream of this.#open) stream.cut();
  }

  /** Breaks each stream in the middle of what it is sent next. */
  cutInside(): void {
    for (const stream of this.#open) stream.cutInside();
  }

  /** Passes nothing on any more, and keeps the connections: a network that is gone without a word. */
  swallow(): void {
    for (const stream of this.#open) stream.swallow();
  }

  /** Sends the events that each open stream has had once more, as a replay that overlaps would. */
  repeat(): void {
    for (const stream of this.#open) stream.repeat();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', this.target);
    const isStream = pathname.endsWith('/stream');
    if (pathname.startsWith('/api/')) this.calls++;
    // A browser repeats by itself a request that a connection which it used before has reset.
    response.shouldKeepAlive = false;
    if (!isStream) {
      this.#forward(request, response, (answer) => answer.pipe(response));
      return;
    }
    this.attempts++;
    const { fault } = this;
    switch (fault.kind) {
      case 'none':
        this.#forward(request, response, (answer) => {
          const stream = new Stream(answer, response);
          this.#open.add(stream);
          response.once('close', () => this.#open.delete(stream));
        });
        break;
      case 'refuse':
        request.socket.resetAndDestroy();
        break;
      case 'buffer':
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        response.flushHeaders();
        break;
      case 'answer':
        response.writeHead(fault.status, { 'Retry-After': fault.retryAfter });
        response.end();
    }
  }

  #forward(
    request: IncomingMessage,
    response: ServerResponse,
    onAnswer: (answer: IncomingMessage) => void,
  ): void {
    const { method, url, headers } = request;
    const { hostname, port } = new URL(this.target);
    const outgoing = forward({ hostname, port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      onAnswer(answer);
      answer.once('error', () => response.destroy());
    });
    outgoing.once('error', () => response.destroy());
    response.once('close', () => outgoing.destroy());
    request.pipe(outgoing);
  }
}

/** One stream that passes through. */
class Stream {
  readonly #response: ServerResponse;
  /** What has passed since the end of the last whole frame. */
  #rest = '';
  #events: string[] = [];
  #swallows = false;
  #cutsInside = false;

  constructor(answer: IncomingMessage, response: ServerResponse) {
    this.#response = response;
    answer.setEncoding('utf8');
    answer.on('data', (text: string) => this.#pass(text));
    answer.once('end', () => response.end());
  }

  cut(): void {
    this.#response.destroy();
  }

  cutInside(): void {
    this.#cutsInside = true;
  }

  swallow(): void {
    this.#swallows = true;
  }

  repeat(): void {
    for (const event of this.#events) this.#response.write(`${event}\n\n`);
  }

  #pass(text: string): void {
    if (this.#swallows) return;
    if (this.#cutsInside) {
      this.#response.write(text.slice(0, text.length / 2), () => this.cut());
      this.#swallows = true;
      return;
    }
    this.#response.write(text);
    const frames = (this.#rest + text).split('\n\n');
    this.#rest = frames.pop() ?? '';
    this.#events.push(...frames.filter((frame) => /^event: (activity|notification):/m.test(frame)));
  }
}
