import { ApiError, type RealtimeClient, type Unsubscribe } from '@pgfeed/client';

/** How far the loading of a list has come. */
export type LoadState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string };

/** Loads a page, shows it, and returns the cursor that came with it. */
export type LoadPage = (signal: AbortSignal) => Promise<string>;

/**
 * Loads history and starts the client where it ends, so that nothing is missed between the two; loads again after a
 * reset. Whoever uses it subscribes to the client before.
 *
 * A client that is already running began somewhere else. A page that was asked for after that point overlaps with
 * what the client delivers; one that was asked for before may leave a gap, and is loaded once more.
 */
export class GaplessLoader {
  readonly #client: RealtimeClient;
  readonly #load: LoadPage;
  readonly #onState: (state: LoadState) => void;
  #current: AbortController | null = null;

  constructor(client: RealtimeClient, load: LoadPage, onState: (state: LoadState) => void) {
    this.#client = client;
    this.#load = load;
    this.#onState = onState;
  }

  /** Begins, and returns what ends it. */
  start(): Unsubscribe {
    this.#begin();
    const stopResets = this.#client.onReset(() => this.#begin());
    return () => {
      stopResets();
      this.#current?.abort();
    };
  }

  /** Loads again, for a reader who asks for it. */
  reload(): void {
    this.#onState({ kind: 'loading' });
    this.#begin();
  }

  async #show(signal: AbortSignal): Promise<string> {
    const cursor = await this.#load(signal);
    if (!signal.aborted) this.#onState({ kind: 'ready' });
    return cursor;
  }

  #begin(): void {
    this.#current?.abort();
    const abort = new AbortController();
    this.#current = abort;
    void this.#run(abort.signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const client = this.#client;
    while (!signal.aborted) {
      try {
        await loadWithoutGap(client, () => this.#show(signal), signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#onState({ kind: 'failed', message: messageOf(error) });
      }
      // The client keeps trying, so the moment when it connects is the one to load again.
      client.connect();
      if (isConnected(client)) return;
      await until(client, signal, () => isConnected(client));
    }
  }
}

/** What to tell a person about an error. */
export function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : '';
}

async function loadWithoutGap(
  client: RealtimeClient,
  load: () => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  const covered = isRunning(client) && client.cursor !== null;
  const cursor = await load();
  if (signal.aborted || client.connect({ cursor }) || covered) return;
  // What was loaded is shown; what happened until the client has its place is loaded after that.
  await until(client, signal, () => client.cursor !== null || !isRunning(client));
  if (!signal.aborted) await load();
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
