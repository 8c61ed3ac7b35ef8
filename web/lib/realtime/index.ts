export type {
  ActivityEvent,
  Channel,
  ConnectionNotice,
  ConnectionState,
  ConnectionStats,
  ConnectionStatus,
  ConnectOptions,
  EventListener,
  EventOf,
  Identity,
  JsonObject,
  NotificationEvent,
  RealtimeClient,
  RealtimeEvent,
  ResetReason,
  Unsubscribe,
} from './client.js';
export { backoffMs } from './backoff.js';
export { BaseClient } from './base-client.js';
export { systemClock, type Clock } from './clock.js';
export { decodeJson, isObject, toEvent, toIdentity, toResetReason } from './events.js';
export { Listeners } from './listeners.js';
export type { Access, Fetch, GetToken } from './request.js';
export {
  ApiError,
  RestApi,
  type ActivityPage,
  type NotificationPage,
  type PageOptions,
  type RestOptions,
} from './rest.js';
export type { ClientOptions, Topic } from './options.js';
export type { Page, PageSignal } from './page.js';
export { PollingClient } from './polling-client.js';
export { SharedClient, type SharedClientOptions } from './shared-client.js';
export { SSEClient } from './sse-client.js';
export type { TabChannel, TabLocks, Tabs } from './tabs.js';
