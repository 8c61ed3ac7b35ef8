import type { Clock, Unsubscribe } from '@pgfeed/client';
import type { PlaySound } from './chime.js';
import { LiveStore } from './live-store.js';
import type { NotificationStore } from './notification-store.js';
import type { Notification } from './rows.js';
import type { Settings } from './settings.js';

const SOUND = 'sound';
// Many at once are one sound.
const PAUSE_MS = 3_000;

/** The setting, and whether the browser lets it be heard. */
export interface SoundSnapshot {
  readonly enabled: boolean;
  /** The browser refused the last sound: it waits for a click in the page. */
  readonly blocked: boolean;
}

/** Plays a sound for notifications that arrive, in one of the user's tabs, where the reader has asked for it. */
export class SoundStore extends LiveStore<SoundSnapshot> {
  readonly #notifications: NotificationStore;
  readonly #clock: Clock;
  readonly #settings: Settings;
  readonly #isPresenter: () => boolean;
  readonly #play: PlaySound;
  #last = -Infinity;

  constructor(
    notifications: NotificationStore,
    clock: Clock,
    settings: Settings,
    isPresenter: () => boolean,
    play: PlaySound,
  ) {
    super({ enabled: false, blocked: false });
    this.#notifications = notifications;
    this.#clock = clock;
    this.#settings = settings;
    this.#isPresenter = isPresenter;
    this.#play = play;
  }

  /** Turns it on or off, for good; turning it on lets it be heard. */
  readonly setEnabled = (enabled: boolean): void => {
    this.#settings.set(SOUND, enabled ? 'on' : 'off');
    this.#read();
    if (enabled) this.#sound('info');
  };

  protected start(): Unsubscribe {
    this.#read();
    const stops = [
      this.#notifications.retain(),
      this.#notifications.onArrival(({ notification }) => this.#arrive(notification)),
      this.#settings.onChange(SOUND, () => this.#read()),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  #read(): void {
    const enabled = this.#settings.get(SOUND) === 'on';
    if (enabled !== this.get().enabled) this.set({ enabled, blocked: false });
  }

  #arrive({ type }: Notification): void {
    if (!this.get().enabled || !this.#isPresenter()) return;
    if (this.#clock.now() - this.#last < PAUSE_MS) return;
    this.#sound(type);
  }

  #sound(type: Notification['type']): void {
    this.#last = this.#clock.now();
    this.#play(type).then(
      (heard) => this.patch({ blocked: !heard }),
      () => this.patch({ blocked: true }),
    );
  }
}
