import type { KeyboardEvent } from 'react';

const FOCUSABLE =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary, [tabindex]';

/**
 * The keys of the ARIA pattern for feeds: Page Down and Page Up move between articles, Control+End and Control+Home
 * to the next thing after the feed and before it. `onEnd` is called for a Page Down on the last article.
 */
export function handleFeedKeys(event: KeyboardEvent<HTMLElement>, onEnd: () => void): void {
  const feed = event.currentTarget;
  if (event.altKey || event.metaKey || event.shiftKey) return;
  if (event.ctrlKey) {
    if (event.key !== 'End' && event.key !== 'Home') return;
    const target = event.key === 'End' ? firstAfter(feed) : lastBefore(feed);
    if (target === undefined) return;
    event.preventDefault();
    target.focus();
    return;
  }
  if (event.key !== 'PageDown' && event.key !== 'PageUp') return;
  const articles = [...feed.querySelectorAll<HTMLElement>('[role=feed] > article')];
  const from = articles.findIndex((article) => article.contains(document.activeElement));
  if (from < 0) return;
  event.preventDefault();
  const next = articles[from + (event.key === 'PageDown' ? 1 : -1)];
  if (next === undefined && event.key === 'PageDown') onEnd();
  next?.focus();
}

function firstAfter(feed: HTMLElement): HTMLElement | undefined {
  return focusables().find(
    (element) => feed.compareDocumentPosition(element) === Node.DOCUMENT_POSITION_FOLLOWING,
  );
}

function lastBefore(feed: HTMLElement): HTMLElement | undefined {
  return focusables().findLast(
    (element) => feed.compareDocumentPosition(element) === Node.DOCUMENT_POSITION_PRECEDING,
  );
}

function focusables(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(FOCUSABLE)].filter(
    (element) => element.tabIndex >= 0 && isShown(element),
  );
}

function isShown(element: HTMLElement): boolean {
  // Not everywhere: jsdom has no layout to ask.
  return typeof element.checkVisibility !== 'function' || element.checkVisibility();
}
