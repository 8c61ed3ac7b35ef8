import { useCallback, useEffect, useRef, useState } from 'react';
import type { Unsubscribe } from '@pgfeed/client';
import type { ActivitySnapshot } from './activity-store.js';
import { usePgfeed } from './provider.js';
import type { Activity } from './rows.js';
import { useLiveStore } from './use-live-store.js';

/** A live list of activities that doesn't move under its reader. */
export interface ActivityFeedState extends Omit<ActivitySnapshot, 'items'> {
  /** What to show, newest first. */
  readonly items: readonly Activity[];
  /** How many came on top while they were held back. */
  readonly waiting: number;
  /** Holds back what comes from now on, or stops doing so and shows all. */
  readonly setHeld: (held: boolean) => void;
  /** Shows what was held back, and goes on holding back what comes after. */
  readonly showWaiting: () => void;
  readonly loadOlder: () => void;
  readonly reload: () => void;
  /** Says that the reader has seen what is on top: the badge counts from here. */
  readonly markSeen: () => void;
}

/** The tenant's history and what happens from now on. */
export function useActivityFeed(): ActivityFeedState {
  const { activities } = usePgfeed();
  const { items, ...rest } = useLiveStore(activities);
  // The topmost that is shown while others are held back.
  const [top, setTop] = useState<string | null>(null);
  const index = top === null ? 0 : items.findIndex((item) => item.id === top);
  // After a reset the list may be another: then its top is what is held on to.
  if (index < 0 && items[0] !== undefined) setTop(items[0].id);
  const waiting = Math.max(index, 0);
  const release = useRef<Unsubscribe | null>(null);
  const letGo = useCallback(() => {
    release.current?.();
    release.current = null;
  }, []);
  useEffect(() => letGo, [letGo]);

  const setHeld = useCallback(
    (held: boolean) => {
      if (held) release.current ??= activities.hold();
      else letGo();
      setTop((current) => (held ? (current ?? activities.get().items[0]?.id ?? null) : null));
    },
    [activities, letGo],
  );
  const showWaiting = useCallback(() => {
    letGo();
    release.current = activities.hold();
    setTop(activities.get().items[0]?.id ?? null);
  }, [activities, letGo]);

  return {
    ...rest,
    items: waiting === 0 ? items : items.slice(waiting),
    waiting,
    setHeld,
    showWaiting,
    loadOlder: activities.loadOlder,
    reload: activities.reload,
    markSeen: activities.markSeen,
  };
}

/** How many activities came since the reader last saw the feed. */
export function useUnseenActivities(): { readonly count: number; readonly more: boolean } {
  const { unseen, unseenIsMore } = useLiveStore(usePgfeed().activities);
  return { count: unseen, more: unseenIsMore };
}
