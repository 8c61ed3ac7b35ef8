import { useCallback, useSyncExternalStore } from 'react';
import type { ConnectionStatus } from '@pgfeed/client';
import { usePgfeed } from './provider.js';
import { useLiveStore } from './use-live-store.js';

const beforeStart: ConnectionStatus = { state: 'closed' };

/** The client's connection status, kept current. */
export function useConnectionStatus(): ConnectionStatus {
  const { client } = usePgfeed();
  const subscribe = useCallback((onChange: () => void) => client.onStatus(onChange), [client]);
  return useSyncExternalStore(
    subscribe,
    () => client.status,
    () => beforeStart,
  );
}

/** The status as it should be shown: it doesn't flicker when the connection is lost for a second. */
export function useSettledStatus(): ConnectionStatus {
  return useLiveStore(usePgfeed().status);
}

/** The whole seconds until a moment, at least one; `null` where there is none. */
export function useSecondsUntil(moment: number | null): number | null {
  const { seconds } = usePgfeed();
  const now = useSyncExternalStore(seconds.subscribe, seconds.now, seconds.now);
  return moment === null ? null : Math.max(1, Math.ceil((moment - now) / 1_000));
}
