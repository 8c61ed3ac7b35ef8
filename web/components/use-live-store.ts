import { useEffect, useSyncExternalStore } from 'react';
import type { LiveStore } from './live-store.js';

/** The store's value, kept current; its work runs for as long as the component is mounted. */
export function useLiveStore<T>(store: LiveStore<T>): T {
  useEffect(() => store.retain(), [store]);
  return useSyncExternalStore(store.subscribe, store.get, store.getInitial);
}
