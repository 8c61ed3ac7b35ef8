import type { RealtimeEvent } from './client.js';
import type { Clock } from './clock.js';
import type { Page } from './page.js';
import type { Access } from './request.js';

/** What the server can be asked to send. */
export type Topic = RealtimeEvent['type'];

/** Options of the clients. All have defaults that suit a page served by the gateway itself. */
export interface ClientOptions extends Access {
  /** Default: both, on one connection. */
  readonly topics?: readonly Topic[];
  /** Where the first `connect` begins, unless that gives a cursor itself. */
  readonly cursor?: string;
  /** How many event ids are remembered to drop what comes twice: more than the server's `--max-replay`. Default: 16384. */
  readonly remember?: number;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests: a number from 0 up to 1, which spreads the reconnections of many clients. */
  readonly random?: () => number;
  /** For tests. */
  readonly page?: Page;
}
