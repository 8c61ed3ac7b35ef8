import { useMemo } from 'react';
import { DEFAULT_GROUP_WINDOW, groupNotifications, type NotificationRow } from './groups.js';
import type { NotificationSnapshot } from './notification-store.js';
import { usePgfeed } from './provider.js';
import type { SoundSnapshot } from './sound-store.js';
import type { ToastHold, ToastSnapshot } from './toast-queue.js';
import { useLiveStore } from './use-live-store.js';

/** A live list of the user's notifications, and what can be done with them. */
export interface NotificationsState extends NotificationSnapshot {
  /** The list with its groups. */
  readonly rows: readonly NotificationRow[];
  readonly markRead: (id: string) => void;
  readonly markAllRead: () => void;
  /** Says that the reader has looked at the list. */
  readonly markSeen: () => void;
  readonly dismissFailure: () => void;
  readonly loadOlder: () => void;
  readonly reload: () => void;
}

/** The user's notifications; those of one category within `groupWindow` milliseconds are grouped. */
export function useNotifications(groupWindow: number = DEFAULT_GROUP_WINDOW): NotificationsState {
  const { notifications } = usePgfeed();
  const snapshot = useLiveStore(notifications);
  const { items } = snapshot;
  const rows = useMemo(() => groupNotifications(items, groupWindow), [items, groupWindow]);
  return {
    ...snapshot,
    rows,
    markRead: notifications.markRead,
    markAllRead: notifications.markAllRead,
    markSeen: notifications.markSeen,
    dismissFailure: notifications.dismissFailure,
    loadOlder: notifications.loadOlder,
    reload: notifications.reload,
  };
}

/** Urgent notifications on show, and what holds them there. */
export interface UrgentToastsState extends ToastSnapshot {
  readonly dismiss: (id: string) => void;
  readonly dismissAll: () => void;
  readonly hold: (reason: ToastHold) => void;
  readonly release: (reason: ToastHold) => void;
}

/** Urgent notifications as they arrive, each for five seconds. */
export function useUrgentToasts(): UrgentToastsState {
  const { toasts } = usePgfeed();
  return {
    ...useLiveStore(toasts),
    dismiss: toasts.dismiss,
    dismissAll: toasts.dismissAll,
    hold: toasts.hold,
    release: toasts.release,
  };
}

/** Plays a sound for notifications while the reader has that turned on. */
export function useNotificationSound(): SoundSnapshot & {
  readonly setEnabled: (enabled: boolean) => void;
} {
  const { sound } = usePgfeed();
  return { ...useLiveStore(sound), setEnabled: sound.setEnabled };
}
