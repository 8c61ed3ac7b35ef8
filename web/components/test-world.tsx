import { act, render, type RenderResult } from '@testing-library/react';
import type { ReactNode } from 'react';
import { RestApi, SSEClient } from '@pgfeed/client';
import { ManualClock, settle } from '@pgfeed/client/testing';
import {
  type PendingRequest,
  type ScriptedStream,
  ScriptedTransport,
} from '@pgfeed/client/testing';
import { PgfeedProvider, type PgfeedProviderProps } from './provider.js';
import type { NotificationType } from './rows.js';
import { MemorySettings } from './settings.js';

/** A row of "notifications" as the gateway sends it. */
export function notification(
  id: string,
  row: {
    readAt?: string | null;
    type?: NotificationType;
    category?: string;
    title?: string;
    createdAt?: string;
  } = {},
) {
  return {
    id,
    type: 'info',
    category: '',
    title: `Task ${id}`,
    body: '',
    readAt: null,
    createdAt: '2026-01-01T00:00:00Z',
    ...row,
  };
}

let events = 0;

/** The envelope of a notification; the event has an id of its own. */
export function envelope(
  event: 'notification:new' | 'notification:read',
  row: object,
  timestamp = '2026-01-01T00:00:00Z',
) {
  events++;
  const id = `e${events}`;
  return { type: 'notification', event, id, data: row, timestamp };
}

/** A client over a network and a clock that the test controls, and what the components keep and play. */
export class TestWorld {
  readonly clock = new ManualClock();
  readonly transport = new ScriptedTransport();
  readonly settings = new MemorySettings();
  readonly played: NotificationType[] = [];
  readonly client = new SSEClient({
    fetch: this.transport.fetch,
    clock: this.clock,
    random: () => 0,
  });
  readonly api = new RestApi({ fetch: this.transport.fetch, clock: this.clock });
  soundAllowed = true;

  /** The components under test with all that they need around them. */
  wrap(children: ReactNode, props: Partial<PgfeedProviderProps> = {}): ReactNode {
    return (
      <PgfeedProvider
        client={this.client}
        api={this.api}
        clock={this.clock}
        settings={this.settings}
        playSound={this.#play}
        {...props}
      >
        {children}
      </PgfeedProvider>
    );
  }

  render(children: ReactNode, props: Partial<PgfeedProviderProps> = {}): RenderResult {
    return render(this.wrap(children, props));
  }

  /** Lets everything that can happen now happen. */
  async step(): Promise<void> {
    await act(settle);
  }

  async advance(milliseconds: number): Promise<void> {
    await act(() => this.clock.advance(milliseconds));
  }

  /** The next request that wasn't taken yet, which must be for a path that begins so. */
  next(path: string): PendingRequest {
    const request = this.transport.next();
    if (!request.url.startsWith(path)) throw new Error(`asked for ${request.url}, not for ${path}`);
    return request;
  }

  /** Answers the next request. */
  async answer(
    path: string,
    body: unknown,
    status = 200,
    headers: Record<string, string> = {},
  ): Promise<PendingRequest> {
    await this.step();
    const request = this.next(path);
    request.json(body, status, headers);
    await this.step();
    return request;
  }

  /** Opens the stream that is asked for next. */
  async open(cursor = 'c'): Promise<ScriptedStream> {
    await this.step();
    const stream = this.next('/api/activity/stream').stream();
    stream.hello(cursor);
    await this.step();
    return stream;
  }

  /** Has somebody else sign in, which the client learns when it connects again. */
  async changeUser(stream: ScriptedStream): Promise<void> {
    stream.break();
    await this.advance(1_000);
    const hello = { tenant: 'acme', user: 'bob', heartbeat: 30, cursor: 'b' };
    this.next('/api/activity/stream').stream().frame('hello', hello, 'b');
    await this.step();
  }

  readonly #play = (type: NotificationType): Promise<boolean> => {
    this.played.push(type);
    return Promise.resolve(this.soundAllowed);
  };
}
