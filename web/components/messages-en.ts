import { firstOf, type Messages, plural } from './messages.js';

const en = (count: number, one: string, other: string) => plural('en', count, { one, other });

const groups: Record<string, readonly [one: string, other: string]> = {
  task_assigned: ['# task assigned to you', '# tasks assigned to you'],
  review_requested: ['# review requested from you', '# reviews requested from you'],
  review: ['# new review', '# new reviews'],
  comment: ['# new comment', '# new comments'],
  merged: ['# pull request merged', '# pull requests merged'],
  check_passed: ['# check succeeded', '# checks succeeded'],
  check_failed: ['# check failed', '# checks failed'],
  deployment_passed: ['# deployment succeeded', '# deployments succeeded'],
  deployment_failed: ['# deployment failed', '# deployments failed'],
  security_alert: ['# security alert', '# security alerts'],
  release: ['# new release', '# new releases'],
  member_added: ['# new member', '# new members'],
};

const words = (category: string) => category.replaceAll(/[_-]+/g, ' ');

/** English. */
export const english: Messages = {
  locale: 'en',
  retry: 'Try again',
  dismiss: 'Dismiss',
  unknownError: 'Something went wrong.',
  feed: {
    label: 'Activity',
    loading: 'Loading activities…',
    failed: 'The activities could not be loaded.',
    empty: 'No activity yet',
    emptyHint: 'It appears here as it happens.',
    newActivities: (count) => en(count, '# new activity', '# new activities'),
    showOlder: 'Show older',
    loadingOlder: 'Loading older activities…',
    olderFailed: 'Older activities could not be loaded.',
    end: 'That is everything.',
  },
  badge: {
    label: (count, more) =>
      count === 0
        ? 'Activity, nothing new'
        : `Activity, ${more ? 'more than ' : ''}${en(count, '# new', '# new')}`,
  },
  connection: {
    states: {
      live: { label: 'Live', explain: 'Updates arrive as they happen.' },
      connecting: {
        label: 'Connecting…',
        explain: 'Connecting to the server. What happens meanwhile is not lost.',
      },
      polling: {
        label: 'Polling',
        explain: 'Real-time updates are unavailable, so news is fetched now and then.',
      },
      offline: {
        label: 'Offline',
        explain: 'The server cannot be reached. What you missed arrives once it can.',
      },
      unauthorized: { label: 'Signed out', explain: 'Your session has ended. Sign in again.' },
      closed: { label: 'Not connected', explain: 'Updates are turned off.' },
    },
    retryIn: (seconds) => en(seconds, 'Trying again in # second.', 'Trying again in # seconds.'),
    trying: 'Trying now…',
    pollIn: (seconds) => en(seconds, 'Next check in # second.', 'Next check in # seconds.'),
    pollingNotice: 'Real-time updates unavailable, using polling',
    offlineNotice: 'You are offline. What is shown may be out of date.',
    offlineEmpty: 'Nothing to show while offline',
    offlineEmptyHint: 'What happened meanwhile appears once you are back.',
    unauthorizedNotice: 'Your session has ended. Sign in again to go on.',
    identityNotice: 'Somebody else has signed in. Reload the page to go on as them.',
    liveAgain: 'Live again',
  },
  notifications: {
    title: 'Notifications',
    bell: (unread) =>
      unread === 0 ? 'Notifications' : `Notifications, ${en(unread, '# unread', '# unread')}`,
    unread: (count) => en(count, '# unread', '# unread'),
    unreadMark: 'Unread',
    urgentMark: 'Urgent',
    loading: 'Loading notifications…',
    failed: 'The notifications could not be loaded.',
    empty: 'You’re all caught up',
    emptyHint: 'What concerns you appears here.',
    markAllRead: 'Mark all read',
    markGroupRead: 'Mark these read',
    markFailed: (title) => `“${title}” could not be marked as read.`,
    markAllFailed: 'The notifications could not be marked as read.',
    group: (category, count) => {
      const [one, other] = groups[category] ?? [`# ${words(category)}`, `# × ${words(category)}`];
      return en(count, one, other);
    },
    category: words,
    showOlder: 'Show older',
    loadingOlder: 'Loading older notifications…',
    olderFailed: 'Older notifications could not be loaded.',
    sound: 'Sound',
    soundBlocked: 'Your browser plays sounds only after a click in the page.',
  },
  toasts: {
    label: (key) => `Urgent notifications (${key})`,
    announce: (titles) =>
      titles.length === 1
        ? `Urgent: ${titles[0] ?? ''}`
        : `${en(titles.length, '# urgent notification', '# urgent notifications')}: ${firstOf(titles)}`,
    more: (count) => en(count, '# more urgent notification', '# more urgent notifications'),
  },
};
