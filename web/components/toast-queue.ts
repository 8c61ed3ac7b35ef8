import type { Clock, Unsubscribe } from '@pgfeed/client';
import { LiveStore } from './live-store.js';
import type { Arrival, NotificationStore } from './notification-store.js';
import type { Notification } from './rows.js';

/** How long a toast stays, in milliseconds, while nothing holds it. */
const TOAST_MS = 5_000;
/** More at once would cover the page: what is pushed out is counted, and is in the panel. */
const MOST_TOASTS = 3;
// Time to gather what comes in one burst into one announcement.
const ANNOUNCE_AFTER_MS = 300;
// After an interruption old news may arrive: it is in the panel and wakes nobody.
const FRESH_MS = 120_000;
// Whoever lets go of a toast shouldn't see it vanish under the pointer.
const LEAST_LEFT_MS = 1_000;

/** What keeps toasts from going away. */
export type ToastHold = 'hover' | 'focus' | 'hidden';

/** The toasts on show. */
export interface ToastSnapshot {
  /** Newest first. */
  readonly toasts: readonly Notification[];
  /** Further urgent ones that there was no room for. */
  readonly more: number;
  /** What to announce, all of a burst together. Replaced, never edited, so that each is announced once. */
  readonly announce: readonly Notification[];
}

interface Timer {
  left: number;
  since: number;
  cancel: Unsubscribe;
}

const initial: ToastSnapshot = { toasts: [], more: 0, announce: [] };

/** Shows urgent notifications that arrive, for a while, in one of the user's tabs. */
export class ToastQueue extends LiveStore<ToastSnapshot> {
  readonly #notifications: NotificationStore;
  readonly #clock: Clock;
  readonly #isPresenter: () => boolean;
  readonly #timers = new Map<string, Timer>();
  readonly #holds = new Set<ToastHold>();
  #unannounced: Notification[] = [];
  #cancelAnnounce: Unsubscribe | null = null;

  constructor(notifications: NotificationStore, clock: Clock, isPresenter: () => boolean) {
    super(initial);
    this.#notifications = notifications;
    this.#clock = clock;
    this.#isPresenter = isPresenter;
  }

  readonly dismiss = (id: string): void => {
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
    const toasts = this.get().toasts.filter((toast) => toast.id !== id);
    if (toasts.length === this.get().toasts.length) return;
    this.set(toasts.length === 0 ? initial : { ...this.get(), toasts });
    if (toasts.length === 0) {
      // What held them is gone with them: a removed element gives no "leave".
      this.#holds.delete('hover');
      this.#holds.delete('focus');
    }
  };

  readonly dismissAll = (): void => {
    for (const toast of this.get().toasts) this.dismiss(toast.id);
  };

  /** Stops the time of all toasts, until the same reason is released. */
  readonly hold = (reason: ToastHold): void => {
    if (this.#holds.size === 0) {
      for (const timer of this.#timers.values()) {
        timer.cancel();
        timer.left -= this.#clock.now() - timer.since;
      }
    }
    this.#holds.add(reason);
  };

  readonly release = (reason: ToastHold): void => {
    if (!this.#holds.delete(reason) || this.#holds.size > 0) return;
    for (const [id, timer] of this.#timers) {
      timer.left = Math.max(timer.left, LEAST_LEFT_MS);
      this.#run(id, timer);
    }
  };

  protected start(): Unsubscribe {
    const stops = [
      this.#notifications.retain(),
      this.#notifications.onArrival((arrival) => this.#arrive(arrival)),
      this.#notifications.subscribe(() => this.#dropRead()),
      watchHidden((hidden) => (hidden ? this.hold('hidden') : this.release('hidden'))),
    ];
    return () => {
      for (const stop of stops) stop();
      for (const timer of this.#timers.values()) timer.cancel();
      this.#timers.clear();
      this.#holds.clear();
      this.#cancelAnnounce?.();
      this.#cancelAnnounce = null;
      this.#unannounced = [];
      this.set(initial);
    };
  }

  #arrive({ notification, age }: Arrival): void {
    if (notification.type !== 'urgent' || age > FRESH_MS || !this.#isPresenter()) return;
    const { toasts, more, announce } = this.get();
    const pushedOut = toasts.slice(MOST_TOASTS - 1);
    for (const toast of pushedOut) {
      this.#timers.get(toast.id)?.cancel();
      this.#timers.delete(toast.id);
    }
    this.set({
      toasts: [notification, ...toasts].slice(0, MOST_TOASTS),
      more: more + pushedOut.length,
      announce,
    });
    const timer: Timer = { left: TOAST_MS, since: this.#clock.now(), cancel: () => {} };
    this.#timers.set(notification.id, timer);
    if (this.#holds.size === 0) this.#run(notification.id, timer);
    this.#announce(notification);
  }

  #run(id: string, timer: Timer): void {
    timer.since = this.#clock.now();
    timer.cancel = this.#clock.after(timer.left, () => this.dismiss(id));
  }

  #announce(notification: Notification): void {
    this.#unannounced.push(notification);
    this.#cancelAnnounce ??= this.#clock.after(ANNOUNCE_AFTER_MS, () => {
      this.#cancelAnnounce = null;
      const announce = this.#unannounced;
      this.#unannounced = [];
      this.patch({ announce });
    });
  }

  /** What was read here or elsewhere needs no toast. */
  #dropRead(): void {
    const read = new Set(
      this.#notifications
        .get()
        .items.filter((item) => item.read !== 'unread')
        .map((item) => item.id),
    );
    for (const toast of this.get().toasts) if (read.has(toast.id)) this.dismiss(toast.id);
  }
}

/** Tells now and from now on whether the page is hidden or its window has lost the focus. */
function watchHidden(onChange: (hidden: boolean) => void): Unsubscribe {
  const tell = () => onChange(document.visibilityState === 'hidden' || !document.hasFocus());
  tell();
  document.addEventListener('visibilitychange', tell);
  window.addEventListener('focus', tell);
  window.addEventListener('blur', tell);
  return () => {
    document.removeEventListener('visibilitychange', tell);
    window.removeEventListener('focus', tell);
    window.removeEventListener('blur', tell);
  };
}
