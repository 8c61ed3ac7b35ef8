export { ActivityFeed } from './activity-feed';
export { ConnectionStatus } from './connection-status';
export { NotificationList } from './notification-list';
export { RelativeTime } from './relative-time';
export type { Activity, Notification } from './rows';
export { useActivityFeed, type ActivityFeedState, type OlderState } from './use-activity-feed';
export { useConnectionStatus } from './use-connection-status';
export type { LoadState } from './use-history';
export { useNotifications, type NotificationsState } from './use-notifications';
