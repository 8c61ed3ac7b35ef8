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
} from './client';
export type { Clock } from './clock';
export type { Access, Fetch, GetToken } from './request';
export {
  ApiError,
  RestApi,
  type ActivityPage,
  type NotificationPage,
  type PageOptions,
} from './rest';
export type { ClientOptions, Topic } from './options';
export type { Page, PageSignal } from './page';
export { PollingClient } from './polling-client';
export { SharedClient, type SharedClientOptions } from './shared-client';
export { SSEClient } from './sse-client';
export type { TabChannel, TabLocks, Tabs } from './tabs';
