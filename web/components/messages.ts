import type { ConnectionState } from '@pgfeed/client';

/** Every text that the components show or announce, in one language. Functions put numbers in, with its plurals. */
export interface Messages {
  /** BCP 47, such as `en` or `pt-BR`: for times and numbers. */
  readonly locale: string;
  readonly retry: string;
  readonly dismiss: string;
  /** For an error that has no words of its own. */
  readonly unknownError: string;
  readonly feed: {
    readonly label: string;
    readonly loading: string;
    readonly failed: string;
    readonly empty: string;
    readonly emptyHint: string;
    readonly newActivities: (count: number) => string;
    readonly showOlder: string;
    readonly loadingOlder: string;
    readonly olderFailed: string;
    readonly end: string;
  };
  readonly badge: {
    /** `more`: there are at least so many. */
    readonly label: (count: number, more: boolean) => string;
  };
  readonly connection: {
    readonly states: Record<ConnectionState, { readonly label: string; readonly explain: string }>;
    readonly retryIn: (seconds: number) => string;
    readonly trying: string;
    readonly pollIn: (seconds: number) => string;
    readonly pollingNotice: string;
    readonly offlineNotice: string;
    /** In place of an empty list while offline. */
    readonly offlineEmpty: string;
    readonly offlineEmptyHint: string;
    readonly unauthorizedNotice: string;
    /** For a page where somebody else has logged in meanwhile. */
    readonly identityNotice: string;
    readonly liveAgain: string;
  };
  readonly notifications: {
    readonly title: string;
    /** The bell's name, for who can't see its count. */
    readonly bell: (unread: number) => string;
    readonly unread: (count: number) => string;
    readonly unreadMark: string;
    readonly urgentMark: string;
    readonly loading: string;
    readonly failed: string;
    readonly empty: string;
    readonly emptyHint: string;
    readonly markAllRead: string;
    readonly markGroupRead: string;
    readonly markFailed: (title: string) => string;
    readonly markAllFailed: string;
    /** What a group of a category says, such as "3 tasks assigned to you". */
    readonly group: (category: string, count: number) => string;
    readonly category: (category: string) => string;
    readonly showOlder: string;
    readonly loadingOlder: string;
    readonly olderFailed: string;
    readonly sound: string;
    readonly soundBlocked: string;
  };
  readonly toasts: {
    /** The region's name; `key` is what takes the focus there. */
    readonly label: (key: string) => string;
    readonly announce: (titles: readonly string[]) => string;
    readonly more: (count: number) => string;
  };
}

// More would be read for minutes, over all else.
const MOST_TITLES = 5;

/** The titles to read aloud: the first few of them. */
export function firstOf(titles: readonly string[]): string {
  return titles.slice(0, MOST_TITLES).join(', ') + (titles.length > MOST_TITLES ? ' …' : '');
}

/** Picks the form that a language uses for a number; `other` is for all that aren't given. */
export function plural(
  locale: string,
  count: number,
  forms: Partial<Record<Intl.LDMLPluralRule, string>> & { readonly other: string },
): string {
  const form = forms[new Intl.PluralRules(locale).select(count)] ?? forms.other;
  return form.replace('#', new Intl.NumberFormat(locale).format(count));
}
