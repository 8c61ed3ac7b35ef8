import type { Notification } from './rows.js';

/** One row of a list of notifications: one alone, or several of a kind. */
export type NotificationRow =
  | { readonly kind: 'single'; readonly key: string; readonly item: Notification }
  | {
      readonly kind: 'group';
      readonly key: string;
      readonly category: string;
      /** Newest first, at least two. */
      readonly items: readonly Notification[];
    };

/** An hour, in milliseconds. */
export const DEFAULT_GROUP_WINDOW = 3_600_000;

interface OpenGroup {
  readonly since: number;
  readonly items: Notification[];
}

/**
 * Gathers what belongs to one category and happened within `window` milliseconds, where its newest is. Urgent ones
 * stay alone. A group begins with its oldest member, so that it keeps its key, and stays open, as new ones join it.
 */
export function groupNotifications(
  items: readonly Notification[],
  window: number = DEFAULT_GROUP_WINDOW,
): readonly NotificationRow[] {
  const open = new Map<string, OpenGroup>();
  const groupOf = new Map<string, OpenGroup>();
  for (const item of items.toReversed()) {
    const at = Date.parse(item.createdAt);
    if (item.type === 'urgent' || item.category === '' || Number.isNaN(at)) continue;
    let group = open.get(item.category);
    if (group === undefined || Math.abs(at - group.since) > window) {
      group = { since: at, items: [] };
      open.set(item.category, group);
    }
    group.items.unshift(item);
    groupOf.set(item.id, group);
  }
  const rows: NotificationRow[] = [];
  for (const item of items) {
    const group = groupOf.get(item.id);
    if (group === undefined || group.items.length < 2) {
      rows.push({ kind: 'single', key: item.id, item });
    } else if (group.items[0]?.id === item.id) {
      const key = `${item.category} ${group.items.at(-1)?.id ?? ''}`;
      rows.push({ kind: 'group', key, category: item.category, items: group.items });
    }
  }
  return rows;
}
