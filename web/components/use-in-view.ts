import { type RefObject, useEffect, useRef } from 'react';

/** Where an element is: in what can be seen of the page, or above or below that. */
export type InView = 'visible' | 'above' | 'below';

/**
 * Tells where the element of the returned ref is, now and whenever that changes. So many pixels more above
 * and below, the `margin`, count as seen. Where the browser can't tell, nothing is called.
 */
export function useInView<T extends HTMLElement>(
  onChange: (where: InView) => void,
  margin: number,
): RefObject<T | null> {
  const ref = useRef<T>(null);
  const latest = useRef(onChange);
  useEffect(() => {
    latest.current = onChange;
  });
  useEffect(() => {
    const element = ref.current;
    if (element === null || typeof IntersectionObserver === 'undefined') return undefined;
    const observer = new IntersectionObserver((entries) => {
      const entry = entries.at(-1);
      if (entry === undefined) return;
      const isAbove = () => entry.boundingClientRect.top < visibleTop(element);
      latest.current(entry.isIntersecting ? 'visible' : isAbove() ? 'above' : 'below');
    }, within(margin));
    observer.observe(element);
    return () => observer.disconnect();
  }, [margin]);
  return ref;
}

/**
 * In what can be seen of the page, whichever boxes scroll in it: one that only cuts its width off can't be told from
 * one that scrolls. Browsers that don't know `scrollMargin` widen only the page.
 */
function within(margin: number): IntersectionObserverInit {
  const vertical = `${margin}px 0px`;
  return { rootMargin: vertical, scrollMargin: vertical };
}

/** The upper edge of what can be seen around an element: the page's, or that of a box that cuts it off further down. */
function visibleTop(element: HTMLElement): number {
  let top = 0;
  for (let parent = element.parentElement; parent !== null; parent = parent.parentElement) {
    if (getComputedStyle(parent).overflowY === 'visible') continue;
    top = Math.max(top, parent.getBoundingClientRect().top);
  }
  return top;
}
