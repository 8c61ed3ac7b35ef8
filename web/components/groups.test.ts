import { expect, it } from 'vitest';
import { groupNotifications } from './groups.js';
import { toNotification } from './rows.js';

const minute = 60_000;
const start = Date.parse('2026-01-01T12:00:00Z');

function row(id: number, minutes: number, category = 'task_assigned', type = 'info') {
  const createdAt = new Date(start + minutes * minute).toISOString();
  return toNotification({ id, category, type, title: `n${id}`, createdAt });
}

/** The ids of each row, newest first; a group's in brackets. */
function shape(items: ReturnType<typeof row>[]): string {
  return groupNotifications(items, 60 * minute)
    .map((found) =>
      found.kind === 'single' ? found.item.id : `[${found.items.map(({ id }) => id).join()}]`,
    )
    .join(' ');
}

it.each([
  ['one alone', [row(1, 0)], '1'],
  ['two alike', [row(2, 5), row(1, 0)], '[2,1]'],
  ['others between', [row(3, 9), row(2, 5, 'comment'), row(1, 0)], '[3,1] 2'],
  ['too far apart', [row(2, 61), row(1, 0)], '2 1'],
  ['a second window', [row(4, 100), row(3, 99), row(2, 50), row(1, 0)], '[4,3] [2,1]'],
  ['urgent ones', [row(2, 1, 'task_assigned', 'urgent'), row(1, 0)], '2 1'],
  ['no category', [row(2, 1, ''), row(1, 0, '')], '2 1'],
])('groups %s', (_, items, expected) => {
  expect(shape(items)).toBe(expected);
});

it('keeps the key of a group that one joins', () => {
  const before = groupNotifications([row(2, 1), row(1, 0)], 60 * minute);
  const after = groupNotifications([row(3, 2), row(2, 1), row(1, 0)], 60 * minute);
  expect(after[0]?.key).toBe(before[0]?.key);
});
