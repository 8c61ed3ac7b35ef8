import { PollingClient, type RealtimeClient, SharedClient, SSEClient } from '@pgfeed/client';
import { WebSocketClient } from './websocket-client.js';

const options = { baseUrl: 'https://feed.example.com', getToken: () => 'token' };

// One connection for each tab, over Server-Sent Events:
export const streaming: RealtimeClient = new SSEClient(options);
// without streams, where a network lets none through:
export const polling: RealtimeClient = new PollingClient(options);
// one connection for all tabs:
export const shared: RealtimeClient = new SharedClient(options);
// one connection for all tabs, over something else:
export const sharedSocket: RealtimeClient = new SharedClient({
  ...options,
  create: () => new WebSocketClient({ url: 'wss://feed.example.com/api/activity/socket' }),
});
