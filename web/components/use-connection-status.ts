import { useCallback, useSyncExternalStore } from 'react';
import type { ConnectionStatus, RealtimeClient } from '../lib/realtime';

/** The client's connection status, kept current. */
export function useConnectionStatus(client: RealtimeClient): ConnectionStatus {
  const subscribe = useCallback((onChange: () => void) => client.onStatus(onChange), [client]);
  const snapshot = useCallback(() => client.status, [client]);
  return useSyncExternalStore(subscribe, snapshot, snapshot);
}
