import { type RefObject, useEffect, useRef } from 'react';

/** Where an element is in the area that scrolls it. */
export type InView = 'visible' | 'above' | 'below';

/**
 * Tells where the element of the returned ref is, now and whenever that changes. `margin` widens the area by so many
 * pixels. Where the browser can't tell, nothing is called.
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
    const observer = new IntersectionObserver(
      (entries) => {
        const entry = entries.at(-1);
        if (entry === undefined) return;
        const top = entry.rootBounds?.top ?? 0;
        latest.current(
          entry.isIntersecting ? 'visible' : entry.boundingClientRect.top < top ? 'above' : 'below',
        );
      },
      { root: scrollerOf(element), rootMargin: `${margin}px 0px` },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [margin]);
  return ref;
}

/** The nearest ancestor that scrolls, or `null` for the page. */
function scrollerOf(element: HTMLElement): HTMLElement | null {
  for (let parent = element.parentElement; parent !== null; parent = parent.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(parent).overflowY)) {
      return parent === document.body || parent === document.documentElement ? null : parent;
    }
  }
  return null;
}
