/** What tabs of one browser share: locks, and channels on which each hears the others. Tests bring their own. */
export interface Tabs {
  readonly locks: TabLocks;
  openChannel(name: string, onMessage: (message: unknown) => void): TabChannel;
}

/** The part of the Web Locks API that is used here. */
export interface TabLocks {
  /** Holds the lock for as long as what the callback returns is pending; rejects when the lock is stolen. */
  request(
    name: string,
    options: { readonly signal: AbortSignal } | { readonly steal: true },
    callback: () => Promise<void>,
  ): Promise<void>;
}

/** The part of the BroadcastChannel API that is used here. */
export interface TabChannel {
  /** Sends a copy to all others that have opened a channel of this name, not to itself. */
  post(message: unknown): void;
  close(): void;
}

/** The tabs of this browser; `null` where it has no Web Locks (an insecure page, a server, before 2022). */
export function browserTabs(): Tabs | null {
  if (typeof BroadcastChannel === 'undefined' || typeof navigator === 'undefined') return null;
  // Missing on pages that didn't come over https, whatever the types say.
  const locks = navigator.locks as LockManager | undefined;
  if (locks === undefined) return null;
  return {
    locks: {
      request: (name, options, callback) => locks.request(name, options, callback),
    },
    openChannel(name, onMessage) {
      const channel = new BroadcastChannel(name);
      channel.addEventListener('message', (event) => onMessage(event.data));
      return {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
        post: (message) => channel.postMessage(message),
        close: () => channel.close(),
      };
    },
  };
}
