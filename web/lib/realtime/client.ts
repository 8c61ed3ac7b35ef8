/**
 * What an application sees of a live feed: channels, events and the state of the connection.
 * Nothing here says how events travel, so that an application can change the transport in one line.
 */

/** A JSON object whose fields the sender's database decides: check before use. */
export type JsonObject = { readonly [key: string]: unknown };

/** Somebody did something: a row was inserted into the tenant's activity table. */
export interface ActivityEvent {
  readonly type: 'activity';
  readonly event: 'activity:new';
  readonly id: string;
  readonly data: JsonObject;
  /** When it was recorded, ISO 8601. */
  readonly timestamp: string;
}

/** A notification for the user who is logged in was created, or was marked as read (here or elsewhere). */
export interface NotificationEvent {
  readonly type: 'notification';
  readonly event: 'notification:new' | 'notification:read';
  readonly id: string;
  readonly data: JsonObject;
  /** When it was recorded, ISO 8601. */
  readonly timestamp: string;
}

/** The envelope in which every event arrives, whatever the transport; `event` tells the kinds apart. */
export type RealtimeEvent = ActivityEvent | NotificationEvent;

/** What one can subscribe to: the names of the events. */
export type Channel = RealtimeEvent['event'];

/** The event type that a channel carries. */
export type EventOf<C extends Channel> = C extends 'activity:new'
  ? ActivityEvent
  : NotificationEvent & { readonly event: C };

/** Receives each event of a channel once, in order of arrival. */
export type EventListener<C extends Channel> = (event: EventOf<C>) => void;

/** Undoes what returned it. Calling it again does nothing. */
export type Unsubscribe = () => void;

/** Who the server says we are. */
export interface Identity {
  readonly tenant: string;
  readonly user: string;
}

/**
 * Something that the reader of the page should know about the connection. `text` is English; `code` is for
 * applications that show it in another language.
 */
export interface ConnectionNotice {
  readonly code: 'polling-fallback';
  readonly text: string;
}

/**
 * The state of the connection.
 *
 * - `connecting`: not connected yet, or cut off a moment ago and trying again.
 * - `live`: events arrive as they happen, since the clock's time `since`.
 * - `polling`: events are fetched now and then. With a `notice` that is because live updates don't get through, and
 *   it keeps trying for them.
 * - `offline`: the server can't be reached at all, or the browser has no network; it keeps trying.
 * - `unauthorized`: it has stopped; `connect` starts it again. `session`: the session isn't valid (any more).
 *   `identity`: the server says that we are another user than before, because somebody else has logged in.
 * - `closed`: not started, or `disconnect` was called.
 *
 * `retryAt` is the clock's time of the next attempt to go live: `null` while one is under way, and where none is
 * planned (polling without a notice). `pollAt` is that of the next poll: `null` while one is under way or none is planned.
 */
export type ConnectionStatus =
  | { readonly state: 'connecting'; readonly retryAt: number | null }
  | { readonly state: 'live'; readonly since: number; readonly identity: Identity }
  | {
      readonly state: 'polling';
      readonly retryAt: number | null;
      readonly pollAt: number | null;
      readonly notice: ConnectionNotice | null;
    }
  | { readonly state: 'offline'; readonly retryAt: number | null; readonly pollAt: number | null }
  | { readonly state: 'unauthorized'; readonly reason: 'session' | 'identity' }
  | { readonly state: 'closed' };

/** The names of the states alone. */
export type ConnectionState = ConnectionStatus['state'];

/** How a client has fared since it was made. Times count from `connect` to `disconnect` or an invalid session. */
export interface ConnectionStats {
  /** Milliseconds for which it was started. */
  readonly startedMs: number;
  /** Of these, milliseconds for which it was live. */
  readonly liveMs: number;
  /** `liveMs / startedMs`; 1 before the first start. */
  readonly uptime: number;
  /** Attempts to go live that succeeded. */
  readonly connections: number;
  /** Attempts to go live that failed. */
  readonly failures: number;
  /** Live connections that ended although nobody here ended them. */
  readonly cuts: number;
  /** Connections that followed a cut. */
  readonly reconnections: number;
  /** Of these, the ones that the first attempt brought. */
  readonly firstTryReconnections: number;
  /** Events handed to listeners. */
  readonly events: number;
  /** Events that came again and were dropped. */
  readonly duplicates: number;
  readonly resets: number;
}

/**
 * Why the server couldn't go on from our cursor: it is older than what is kept (`expired`), belongs to another
 * database history (`epoch`), can't be read (`invalid`), or more happened than can be sent (`overflow`).
 */
export type ResetReason = 'expired' | 'epoch' | 'invalid' | 'overflow';

/** Options of {@link RealtimeClient.connect}. */
export interface ConnectOptions {
  /** Where to begin, as a REST call returned it together with the history: nothing is missed in between. */
  readonly cursor?: string;
}

/**
 * A live feed of one user of one tenant.
 *
 * Every event is delivered to each listener at most once, and none is left out unless `onReset` says so.
 */
export interface RealtimeClient {
  /** The present state. The same object until it changes. */
  readonly status: ConnectionStatus;
  /** Up to where events have been received; `null` before the first connection. Opaque. */
  readonly cursor: string | null;
  /**
   * Milliseconds by which the clock here is ahead of the server's (negative: behind), as far as the server has told;
   * 0 until then. To be taken off the time here before that is compared with a time of the server's.
   */
  readonly clockAhead: number;
  /**
   * Starts, and keeps going through failures until `disconnect` or an invalid session. Without a cursor it goes on
   * from the last one, or from now. Returns false, and changes nothing, when it was already started.
   */
  connect(options?: ConnectOptions): boolean;
  /** Stops and releases everything. Subscriptions and the cursor stay, so that `connect` can go on. */
  disconnect(): void;
  /** Calls `listener` with the events of `channel` from now on. Can be called at any time. */
  subscribe<C extends Channel>(channel: C, listener: EventListener<C>): Unsubscribe;
  /** Removes one listener of a channel, or all of them. */
  unsubscribe<C extends Channel>(channel: C, listener?: EventListener<C>): void;
  /** Calls `listener` after each change of `status`. */
  onStatus(listener: (status: ConnectionStatus) => void): Unsubscribe;
  /**
   * Calls `listener` when events may have been missed: reload what is shown. Events go on arriving meanwhile, so
   * what is reloaded after this call and what arrives leave no gap.
   */
  onReset(listener: (reason: ResetReason) => void): Unsubscribe;
  /** Uptime, reconnections and counts up to now. */
  stats(): ConnectionStats;
  /**
   * Whether what may happen only once for a person (toast, sound, desktop notification) should happen here. Of the
   * tabs that share a connection exactly one says so: the visible one, else the one that holds the connection. A
   * client that shares nothing always says so. Read it in the listener of an event.
   */
  readonly isPresenter: boolean;
  /** Calls `listener` after each change of `isPresenter`. */
  onPresenter(listener: (isPresenter: boolean) => void): Unsubscribe;
}
