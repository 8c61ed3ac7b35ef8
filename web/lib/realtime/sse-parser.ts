/** One dispatched event of a `text/event-stream`. */
export interface ServerSentEvent {
  /** The `event` field; `message` where there was none. */
  readonly type: string;
  readonly data: string;
  /** The last `id` seen so far, which may come from an earlier event; empty where there was none. */
  readonly lastEventId: string;
}

/** What the parser reports. */
export interface SSEHandlers {
  onEvent(event: ServerSentEvent): void;
  /** A `retry` field, in milliseconds. */
  onRetry?(milliseconds: number): void;
}

/**
 * An incremental parser of `text/event-stream` by the rules of the WHATWG HTML standard.
 * Chunks may end anywhere, also between CR and LF; an event that isn't finished when the stream ends is dropped.
 */
export class SSEParser {
  readonly #handlers: SSEHandlers;
  #started = false;
  #afterCR = false;
  #line = '';
  #type = '';
  #data: string[] = [];
  #id = '';

  constructor(handlers: SSEHandlers) {
    this.#handlers = handlers;
  }

  /** Takes the next piece of decoded text. The decoder must leave a byte order mark in place. */
  push(chunk: string): void {
    let from = 0;
    if (!this.#started && chunk.length > 0) {
      this.#started = true;
      if (chunk.charCodeAt(0) === 0xfeff) from = 1;
    }
    for (let i = from; i < chunk.length; i++) {
      const code = chunk.charCodeAt(i);
      if (code !== 0x0a && code !== 0x0d) {
        this.#afterCR = false;
        continue;
      }
      // The LF of a CRLF ends no line of its own; the CR may have come with the chunk before.
      if (!(code === 0x0a && this.#afterCR)) this.#endLine(this.#line + chunk.slice(from, i));
      this.#afterCR = code === 0x0d;
      from = i + 1;
    }
    this.#line += chunk.slice(from);
  }

  #endLine(line: string): void {
    this.#line = '';
    if (line === '') {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    switch (field) {
      case 'event':
        this.#type = value;
        break;
      case 'data':
        this.#data.push(value);
        break;
      case 'id':
        if (!value.includes('\0')) this.#id = value;
        break;
      case 'retry':
        if (/^[0-9]+$/.test(value)) this.#handlers.onRetry?.(Number(value));
        break;
      default:
        break;
    }
  }

  #dispatch(): void {
    const type = this.#type;
    const data = this.#data;
    this.#type = '';
    this.#data = [];
    if (data.length === 0) return;
    this.#handlers.onEvent({
      type: type === '' ? 'message' : type,
      data: data.join('\n'),
      lastEventId: this.#id,
    });
  }
}
