export { ActivityBadge } from './activity-badge';
export { ActivityFeed } from './activity-feed';
export type { OlderState } from './activity-store';
export type { PlaySound } from './chime';
export { ConnectionNotice } from './connection-notice';
export { ConnectionStatus } from './connection-status';
export type { LoadState } from './gapless-loader';
export { groupNotifications, type NotificationRow } from './groups';
export { type Messages, plural } from './messages';
export { german } from './messages-de';
export { english } from './messages-en';
export { NotificationBell } from './notification-bell';
export { NotificationList, type NotificationListProps } from './notification-list';
export type { ReadFailure } from './notification-store';
export { type Pgfeed, PgfeedProvider, type PgfeedProviderProps, usePgfeed } from './provider';
export { RelativeTime } from './relative-time';
export type { Activity, Notification, NotificationType, ReadState } from './rows';
export { BrowserSettings, MemorySettings, type Settings } from './settings';
export { SoundSwitch } from './sound-switch';
export { UrgentToasts } from './urgent-toasts';
export { type ActivityFeedState, useActivityFeed, useUnseenActivities } from './use-activity-feed';
export { useConnectionStatus, useSettledStatus } from './use-connection-status';
export {
  type NotificationsState,
  type UrgentToastsState,
  useNotifications,
  useNotificationSound,
  useUrgentToasts,
} from './use-notifications';
