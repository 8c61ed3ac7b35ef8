import { createContext, type ReactNode, useContext, useEffect, useMemo } from 'react';
import type { Clock, RealtimeClient, RestApi } from '@pgfeed/client';
import { systemClock } from '@pgfeed/client';
import { ActivityStore } from './activity-store.js';
import { createChime, type PlaySound } from './chime.js';
import type { Messages } from './messages.js';
import { english } from './messages-en.js';
import { NotificationStore } from './notification-store.js';
import { BrowserSettings, type Settings } from './settings.js';
import { SettledStatus } from './settled-status.js';
import { SoundStore } from './sound-store.js';
import { Ticker } from './ticker.js';
import { ToastQueue } from './toast-queue.js';

/** What the components and hooks share. */
export interface Pgfeed {
  readonly client: RealtimeClient;
  readonly activities: ActivityStore;
  readonly notifications: NotificationStore;
  readonly toasts: ToastQueue;
  readonly sound: SoundStore;
  /** The connection's status as it should be shown. */
  readonly status: SettledStatus;
  /** Ticks now and then, for relative times. */
  readonly minutes: Ticker;
  /** Ticks each second, for countdowns. */
  readonly seconds: Ticker;
  readonly clock: Clock;
  readonly messages: Messages;
}

/** Properties of {@link PgfeedProvider}. */
export interface PgfeedProviderProps {
  /** It is started by the first component that needs it, and disconnected when the provider goes. */
  readonly client: RealtimeClient;
  readonly api: RestApi;
  readonly children: ReactNode;
  /** The texts; English without. */
  readonly messages?: Messages;
  /** Keeps settings and what has been seen apart from other users' of this browser. Default: `pgfeed`. */
  readonly storageKey?: string;
  /** Where settings are kept. Default: localStorage. Must stay the same object. */
  readonly settings?: Settings;
  /** Plays the sound of a notification. Default: short tones. Must stay the same function. */
  readonly playSound?: PlaySound;
  /** For tests. */
  readonly clock?: Clock;
}

const Context = createContext<Pgfeed | null>(null);

/** Shares one client, its lists and its settings among the components below. */
export function PgfeedProvider({
  client,
  api,
  children,
  messages = english,
  storageKey = 'pgfeed',
  settings,
  playSound,
  clock = systemClock,
}: PgfeedProviderProps) {
  const stores = useMemo(() => {
    const kept = settings ?? new BrowserSettings(storageKey);
    const isPresenter = () => client.isPresenter;
    const notifications = new NotificationStore(client, api, clock, kept);
    const activities = new ActivityStore(client, api, clock, kept);
    return {
      activities,
      notifications,
      toasts: new ToastQueue(notifications, clock, isPresenter),
      sound: new SoundStore(notifications, clock, kept, isPresenter, playSound ?? createChime()),
      status: new SettledStatus(
        client,
        clock,
        () => activities.isLoading || notifications.isLoading,
      ),
      minutes: new Ticker(clock, 15_000),
      seconds: new Ticker(clock, 1_000),
    };
  }, [client, api, clock, settings, storageKey, playSound]);

  useEffect(() => () => client.disconnect(), [client]);

  const value = useMemo(
    () => ({ client, clock, messages, ...stores }),
    [client, clock, messages, stores],
  );
  return <Context value={value}>{children}</Context>;
}

/** What the nearest {@link PgfeedProvider} shares. */
export function usePgfeed(): Pgfeed {
  const value = useContext(Context);
  if (value === null) throw new Error('This needs a <PgfeedProvider> above it.');
  return value;
}
