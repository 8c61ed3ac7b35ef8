export { ActivityBadge } from './activity-badge.js';
export { ActivityFeed } from './activity-feed.js';
export type { PlaySound } from './chime.js';
export { ConnectionNotice } from './connection-notice.js';
export { ConnectionStatus } from './connection-status.js';
export type { LoadState } from './gapless-loader.js';
export { groupNotifications, type NotificationRow } from './groups.js';
export { type Messages, plural } from './messages.js';
export { german } from './messages-de.js';
export { english } from './messages-en.js';
export { NotificationBell } from './notification-bell.js';
export { NotificationList, type NotificationListProps } from './notification-list.js';
export type { ReadFailure } from './notification-store.js';
export type { OlderState } from './older-pages.js';
export { type Pgfeed, PgfeedProvider, type PgfeedProviderProps, usePgfeed } from './provider.js';
export { RelativeTime } from './relative-time.js';
export type { Activity, Notification, NotificationType, ReadState } from './rows.js';
export { BrowserSettings, MemorySettings, type Settings } from './settings.js';
export { SoundSwitch } from './sound-switch.js';
export { UrgentToasts } from './urgent-toasts.js';
export {
  type ActivityFeedState,
  useActivityFeed,
  useUnseenActivities,
} from './use-activity-feed.js';
export { useConnectionStatus, useSettledStatus } from './use-connection-status.js';
export {
  type NotificationsState,
  type UrgentToastsState,
  useNotifications,
  useNotificationSound,
  useUrgentToasts,
} from './use-notifications.js';
