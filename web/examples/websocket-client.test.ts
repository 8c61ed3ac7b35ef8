import type { RealtimeEvent } from '@pgfeed/client';
import { conformance, type ConformanceSubject, ManualClock } from '@pgfeed/client/testing';
import { describe, it } from 'vitest';
import { type Socket, WebSocketClient } from './websocket-client.js';

interface SocketEvent {
  readonly data: unknown;
  readonly code: number;
}

/** A socket that a test speaks into. */
class FakeSocket implements Socket {
  onMessage = (_event: SocketEvent) => {};
  onClose = (_event: SocketEvent) => {};
  readonly close: () => void;

  constructor(close: (socket: FakeSocket) => void) {
    this.close = () => close(this);
  }

  addEventListener(type: 'message' | 'close', listener: (event: SocketEvent) => void): void {
    if (type === 'message') this.onMessage = listener;
    else this.onClose = listener;
  }

  send(event: string, data: object, id?: string): void {
    this.onMessage({ data: JSON.stringify({ event, id, data }), code: 0 });
  }
}

/** The other end of the sockets, with a log that cursors c0, c1 … point into. */
class SocketServer {
  readonly #log: RealtimeEvent[] = [];
  readonly #sockets = new Set<FakeSocket>();
  hasSession = true;

  get cursor(): string {
    return `c${this.#log.length}`;
  }

  readonly open = (url: string): Socket => {
    const from = Number((new URL(url).searchParams.get('cursor') ?? this.cursor).slice(1));
    const socket = new FakeSocket((closed) => this.#sockets.delete(closed));
    queueMicrotask(() => {
      if (!this.hasSession) {
        socket.onClose({ data: null, code: 4401 });
        return;
      }
      this.#sockets.add(socket);
      socket.send('hello', { tenant: 'acme', user: 'ada' }, `c${from}`);
      this.#log.forEach((event, at) => {
        if (at >= from) socket.send(event.event, event, `c${at + 1}`);
      });
    });
    return socket;
  };

  publish(...events: readonly RealtimeEvent[]): void {
    for (const event of events) {
      this.#log.push(event);
      this.toAll(event.event, event, this.cursor);
    }
  }

  toAll(event: string, data: object, id?: string): void {
    for (const socket of this.#sockets) socket.send(event, data, id);
  }

  cut(): void {
    const sockets = [...this.#sockets];
    this.#sockets.clear();
    for (const socket of sockets) socket.onClose({ data: null, code: 1006 });
  }
}

function makeSubject(): ConformanceSubject {
  const clock = new ManualClock();
  const server = new SocketServer();
  const url = 'wss://feed.test/api/activity/socket';
  return {
    client: new WebSocketClient({ url, open: server.open, clock, random: () => 0 }),
    server: {
      get cursor() {
        return server.cursor;
      },
      publish: (...events) => server.publish(...events),
      repeat: (event) => server.toAll(event.event, event),
      reset: (reason) => server.toAll('reset', { reason }),
      cut: () => server.cut(),
      setSession: (isValid) => {
        server.hasSession = isValid;
      },
    },
    pass: () => clock.advance(31_000),
  };
}

describe('WebSocketClient', () => {
  it.each(conformance.map(({ name, run }) => [name, run] as const))('%s', async (_name, run) => {
    await run(makeSubject());
  });
});
