export type {
  ActivityEvent,
  Channel,
  ConnectionState,
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
export { SSEClient, type SSEClientOptions, type Topic } from './sse-client';
