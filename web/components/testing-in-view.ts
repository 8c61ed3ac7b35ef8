/** Stands in for IntersectionObserver, which jsdom lacks: the test says what is in view. */
export class InViewStub {
  static observers: InViewStub[] = [];
  readonly #callback: IntersectionObserverCallback;
  readonly #targets = new Set<Element>();
  readonly options: IntersectionObserverInit;

  constructor(callback: IntersectionObserverCallback, options: IntersectionObserverInit = {}) {
    this.#callback = callback;
    this.options = options;
    InViewStub.observers.push(this);
  }

  /** Tells all that watch what `selector` matches that it is in view, or above or below it. */
  static tell(selector: string, where: 'visible' | 'above' | 'below'): void {
    const top = { visible: 10, above: -100, below: 2_000 }[where];
    for (const observer of InViewStub.observers) {
      for (const target of observer.#targets) {
        if (!target.matches(selector)) continue;
        const entry = {
          isIntersecting: where === 'visible',
          boundingClientRect: { top },
        };
        observer.#callback(
          [entry as IntersectionObserverEntry],
          observer as unknown as IntersectionObserver,
        );
      }
    }
  }

  observe(target: Element): void {
    this.#targets.add(target);
  }

  disconnect(): void {
    this.#targets.clear();
  }
}
