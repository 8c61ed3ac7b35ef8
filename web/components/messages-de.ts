import { firstOf, type Messages, plural } from './messages.js';

const de = (count: number, one: string, other: string) => plural('de', count, { one, other });

const groups: Record<string, readonly [one: string, other: string]> = {
  task_assigned: ['# Aufgabe für dich', '# Aufgaben für dich'],
  review_requested: ['# Review angefragt', '# Reviews angefragt'],
  review: ['# neues Review', '# neue Reviews'],
  comment: ['# neuer Kommentar', '# neue Kommentare'],
  merged: ['# Pull Request übernommen', '# Pull Requests übernommen'],
  check_passed: ['# Prüfung bestanden', '# Prüfungen bestanden'],
  check_failed: ['# Prüfung gescheitert', '# Prüfungen gescheitert'],
  security_alert: ['# Sicherheitswarnung', '# Sicherheitswarnungen'],
};

const words = (category: string) => category.replaceAll(/[_-]+/g, ' ');

/** German. */
export const german: Messages = {
  locale: 'de',
  retry: 'Erneut versuchen',
  dismiss: 'Schließen',
  unknownError: 'Etwas ist schiefgegangen.',
  feed: {
    label: 'Aktivitäten',
    loading: 'Aktivitäten werden geladen …',
    failed: 'Die Aktivitäten konnten nicht geladen werden.',
    empty: 'Noch keine Aktivitäten',
    emptyHint: 'Sie erscheinen hier, sobald etwas geschieht.',
    newActivities: (count) => de(count, '# neue Aktivität', '# neue Aktivitäten'),
    showOlder: 'Ältere anzeigen',
    loadingOlder: 'Ältere Aktivitäten werden geladen …',
    olderFailed: 'Ältere Aktivitäten konnten nicht geladen werden.',
    end: 'Das war alles.',
  },
  badge: {
    label: (count, more) =>
      count === 0
        ? 'Aktivitäten, nichts Neues'
        : `Aktivitäten, ${more ? 'mehr als ' : ''}${de(count, '# neue', '# neue')}`,
  },
  connection: {
    states: {
      live: { label: 'Live', explain: 'Neues erscheint, sobald es geschieht.' },
      connecting: {
        label: 'Verbinden …',
        explain: 'Der Server wird verbunden. Was inzwischen geschieht, geht nicht verloren.',
      },
      polling: {
        label: 'Abfragen',
        explain: 'Live-Aktualisierung ist nicht möglich, Neues wird ab und zu abgefragt.',
      },
      offline: {
        label: 'Offline',
        explain: 'Der Server ist nicht erreichbar. Verpasstes kommt nach, sobald er es ist.',
      },
      unauthorized: { label: 'Abgemeldet', explain: 'Die Sitzung ist beendet. Melde dich neu an.' },
      closed: { label: 'Nicht verbunden', explain: 'Die Aktualisierung ist ausgeschaltet.' },
    },
    retryIn: (seconds) =>
      de(seconds, 'Nächster Versuch in # Sekunde.', 'Nächster Versuch in # Sekunden.'),
    trying: 'Versuch läuft …',
    pollIn: (seconds) =>
      de(seconds, 'Nächste Abfrage in # Sekunde.', 'Nächste Abfrage in # Sekunden.'),
    pollingNotice: 'Live-Aktualisierung nicht möglich, Neues wird abgefragt',
    offlineNotice: 'Du bist offline. Das Gezeigte ist vielleicht veraltet.',
    offlineEmpty: 'Offline gibt es nichts zu zeigen',
    offlineEmptyHint: 'Was inzwischen geschah, erscheint, sobald die Verbindung wieder steht.',
    unauthorizedNotice: 'Die Sitzung ist beendet. Melde dich neu an.',
    identityNotice: 'Jemand anderes hat sich angemeldet. Lade die Seite neu.',
    liveAgain: 'Wieder live',
  },
  notifications: {
    title: 'Benachrichtigungen',
    bell: (unread) =>
      unread === 0
        ? 'Benachrichtigungen'
        : `Benachrichtigungen, ${de(unread, '# ungelesen', '# ungelesen')}`,
    unread: (count) => de(count, '# ungelesen', '# ungelesen'),
    unreadMark: 'Ungelesen',
    urgentMark: 'Dringend',
    loading: 'Benachrichtigungen werden geladen …',
    failed: 'Die Benachrichtigungen konnten nicht geladen werden.',
    empty: 'Alles gelesen',
    emptyHint: 'Was dich betrifft, erscheint hier.',
    markAllRead: 'Alle gelesen',
    markGroupRead: 'Diese gelesen',
    markFailed: (title) => `„${title}“ konnte nicht als gelesen markiert werden.`,
    markAllFailed: 'Die Benachrichtigungen konnten nicht als gelesen markiert werden.',
    group: (category, count) => {
      const [one, other] = groups[category] ?? [`# ${words(category)}`, `# × ${words(category)}`];
      return de(count, one, other);
    },
    category: words,
    showOlder: 'Ältere anzeigen',
    loadingOlder: 'Ältere Benachrichtigungen werden geladen …',
    olderFailed: 'Ältere Benachrichtigungen konnten nicht geladen werden.',
    sound: 'Ton',
    soundBlocked: 'Der Browser spielt Töne erst nach einem Klick in die Seite.',
  },
  toasts: {
    label: (key) => `Dringende Benachrichtigungen (${key})`,
    announce: (titles) =>
      titles.length === 1
        ? `Dringend: ${titles[0] ?? ''}`
        : `${de(titles.length, '# dringende Benachrichtigung', '# dringende Benachrichtigungen')}: ${firstOf(titles)}`,
    more: (count) =>
      de(count, '# weitere dringende Benachrichtigung', '# weitere dringende Benachrichtigungen'),
  },
};
