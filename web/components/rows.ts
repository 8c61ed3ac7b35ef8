import type { JsonObject, RealtimeEvent } from '@pgfeed/client';

/** An activity as it is shown. */
export interface Activity {
  /** The event's id, not the row's: several tables can feed one topic. */
  readonly id: string;
  readonly userName: string;
  readonly description: string;
  readonly entityType: string;
  readonly entityId: string;
  readonly createdAt: string;
}

/**
 * How far a notification has come: `reading` is one that was marked here and that the server hasn't confirmed yet.
 */
export type ReadState = 'unread' | 'reading' | 'read';

/** A notification as it is shown. */
export interface Notification {
  readonly id: string;
  readonly type: NotificationType;
  readonly category: string;
  readonly title: string;
  readonly body: string;
  readonly entityType: string;
  readonly entityId: string;
  readonly createdAt: string;
  readonly read: ReadState;
}

/** How urgent a notification is, and what it says of the outcome. */
export type NotificationType = 'info' | 'success' | 'warning' | 'urgent';

/** Reads the row of an activity. What the row lacks stays empty, or comes from the envelope. */
export function toActivity(event: RealtimeEvent): Activity {
  const row = event.data;
  return {
    id: event.id,
    userName: text(row, 'userName') || text(row, 'userId'),
    description: text(row, 'description') || text(row, 'action'),
    entityType: text(row, 'entityType'),
    entityId: text(row, 'entityId'),
    createdAt: text(row, 'createdAt') || event.timestamp,
  };
}

/** Reads the row of a notification. */
export function toNotification(row: JsonObject): Notification {
  return {
    id: text(row, 'id'),
    type: toType(row.type),
    category: text(row, 'category'),
    title: text(row, 'title'),
    body: text(row, 'body'),
    entityType: text(row, 'entityType'),
    entityId: text(row, 'entityId'),
    createdAt: text(row, 'createdAt'),
    read: row.readAt === null || row.readAt === undefined ? 'unread' : 'read',
  };
}

function toType(value: unknown): NotificationType {
  return value === 'success' || value === 'warning' || value === 'urgent' ? value : 'info';
}

function text(row: JsonObject, field: string): string {
  const value = row[field];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
