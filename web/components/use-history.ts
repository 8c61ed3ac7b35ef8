import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError, type RealtimeClient } from '../lib/realtime';

/** How far the loading of a list has come. */
export type LoadState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string };

/** Loads a page, shows it, and returns the cursor that came with it. */
export type LoadPage = (signal: AbortSignal) => Promise<string>;

/**
 * Loads history and starts the client where it ends, so that nothing is missed between the two; loads again after a
 * reset. Subscribe before, in an effect of the same component. `load` must be stable (`useCallback`).
 *
 * A client that is already running began somewhere else. A page that was asked for after that point overlaps with
 * what the client delivers; one that was asked for before may leave a gap, and is loaded once more.
 */
export function useHistory(
  client: RealtimeClient,
  load: LoadPage,
): { state: LoadState; reload: () => void } {
  const [state, setState] = useState<LoadState>({ kind: 'loading' });
  const current = useRef<AbortController | null>(null);

  const start = useCallback(() => {
    current.current?.abort();
    const abort = new AbortController();
    current.current = abort;
    const run = async (): Promise<void> => {
      while (!abort.signal.aborted) {
        try {
          await loadWithoutGap(client, load, abort.signal);
          if (!abort.signal.aborted) setState({ kind: 'ready' });
          return;
        } catch (error) {
          if (abort.signal.aborted) return;
          setState({ kind: 'failed', message: messageOf(error) });
        }
        // The client keeps trying, so the moment when it connects is the one to load again.
        client.connect();
        if (isConnected(client)) return;
        await until(client, abort.signal, () => isConnected(client));
      }
    };
    void run();
  }, [client, load]);

  useEffect(() => {
    start();
    const stopResets = client.onReset(start);
    return () => {
      stopResets();
      current.current?.abort();
    };
  }, [client, start]);

  const reload = useCallback(() => {
    setState({ kind: 'loading' });
    start();
  }, [start]);

  return { state, reload };
}

/** What to tell a person about an error. */
export function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : 'Something went wrong.';
}

async function loadWithoutGap(
  client: RealtimeClient,
  load: LoadPage,
  signal: AbortSignal,
): Promise<void> {
  const covered = isRunning(client) && client.cursor !== null;
  const cursor = await load(signal);
  if (signal.aborted || client.connect({ cursor }) || covered) return;
  await until(client, signal, () => client.cursor !== null || !isRunning(client));
  if (!signal.aborted) await load(signal);
}

function isRunning(client: RealtimeClient): boolean {
  return client.status.state !== 'closed' && client.status.state !== 'unauthorized';
}

function isConnected(client: RealtimeClient): boolean {
  return client.status.state === 'live' || client.status.state === 'polling';
}

/** Waits for a change of status after which the condition holds, or for the abort. */
function until(client: RealtimeClient, signal: AbortSignal, holds: () => boolean): Promise<void> {
  if (signal.aborted || holds()) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      stop();
      resolve();
    };
    const stop = client.onStatus(() => {
      if (holds()) done();
    });
    signal.addEventListener('abort', done, { once: true });
  });
}
