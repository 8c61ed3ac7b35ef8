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

  const reload = useCallback(() => {
    current.current?.abort();
    const abort = new AbortController();
    current.current = abort;
    const run = async (): Promise<void> => {
      const covered = isRunning(client) && client.cursor !== null;
      const cursor = await load(abort.signal);
      if (abort.signal.aborted || client.connect({ cursor }) || covered) return;
      await untilCursor(client, abort.signal);
      if (!abort.signal.aborted) await load(abort.signal);
    };
    setState((previous) => (previous.kind === 'ready' ? previous : { kind: 'loading' }));
    run().then(
      () => {
        if (!abort.signal.aborted) setState({ kind: 'ready' });
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setState({ kind: 'failed', message: messageOf(error) });
      },
    );
  }, [client, load]);

  useEffect(() => {
    reload();
    const stopResets = client.onReset(reload);
    return () => {
      stopResets();
      current.current?.abort();
    };
  }, [client, reload]);

  return { state, reload };
}

/** What to tell a person about an error. */
export function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : 'Something went wrong.';
}

function isRunning(client: RealtimeClient): boolean {
  return client.status.state !== 'closed' && client.status.state !== 'unauthorized';
}

function untilCursor(client: RealtimeClient, signal: AbortSignal): Promise<void> {
  if (client.cursor !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = client.onStatus(() => {
      if (client.cursor === null && isRunning(client)) return;
      stop();
      resolve();
    });
    signal.addEventListener('abort', () => {
      stop();
      resolve();
    });
  });
}
