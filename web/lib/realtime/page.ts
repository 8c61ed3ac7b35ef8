import type { Unsubscribe } from './client.js';

/**
 * What happens to the page that a client lives in.
 *
 * - `online`, `offline`: the browser has a network again, or none any more.
 * - `visible`, `hidden`: somebody looks at the page, or no longer.
 * - `suspend`, `resume`: it is put aside, so that no code runs (frozen, or kept for the back button), and taken up again.
 * - `tick`: some time has passed. The timers of a hidden page come up to a minute late; who can, tells it so.
 */
export type PageSignal =
  'online' | 'offline' | 'visible' | 'hidden' | 'suspend' | 'resume' | 'tick';

/** The page as a client needs it, so that tests can play one. */
export interface Page {
  readonly visible: boolean;
  listen(listener: (signal: PageSignal) => void): Unsubscribe;
}

/** The page that this code runs in. Where there is none, as on a server, it is visible and nothing happens to it. */
export const browserPage: Page = {
  get visible() {
    return typeof document === 'undefined' || document.visibilityState !== 'hidden';
  },
  listen(listener) {
    if (typeof window === 'undefined') return () => {};
    const abort = new AbortController();
    const on = (target: EventTarget, type: string, signal: () => PageSignal) =>
      target.addEventListener(type, () => listener(signal()), { signal: abort.signal });
    on(window, 'online', () => 'online');
    on(window, 'offline', () => 'offline');
    on(document, 'visibilitychange', () => (browserPage.visible ? 'visible' : 'hidden'));
    // An open connection or lock would keep the page from being kept for the back button.
    on(window, 'pagehide', () => 'suspend');
    on(window, 'pageshow', () => 'resume');
    on(document, 'freeze', () => 'suspend');
    on(document, 'resume', () => 'resume');
    return () => abort.abort();
  },
};
