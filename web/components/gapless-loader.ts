import {
  ApiError,
  type Clock,
  type ConnectionStatus,
  type RealtimeClient,
  type Unsubscribe,
} from '@pgfeed/client';
import { isConnected, isRunning, isSomebodyElse, until } from './client-state.js';
import { isRefusal, untilRetry } from './retry.js';

/** How far the loading of a list has come. */
export type LoadState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string };

/** A page that was loaded: the cursor that came with it, and what shows it. */
export interface LoadedPage {
  readonly cursor: string;
  readonly show: () => void;
}

/** Loads a page, to be shown unless the signal has aborted. */
export type LoadPage = (signal: AbortSignal) => Promise<LoadedPage>;

/**
 * Loads history and starts the client where it ends, so that nothing is missed between the two; loads again after a
 * reset, and after a failure until it succeeds. Whoever uses it subscribes to the client before.
 *
 * A client that is already running began somewhere else. A page that was asked for after that point overlaps with
 * what the client delivers; one that was asked for before may leave a gap, and is loaded once more.
 */
export class GaplessLoader {
  readonly #client: RealtimeClient;
  readonly #clock: Clock;
  readonly #load: LoadPage;
  readonly #onState: (state: LoadState) => void;
  #current: AbortController | null = null;
  /** Of the load that is under way. */
  #loading: AbortSignal | null = null;
  #foreign = false;

  constructor(
    client: RealtimeClient,
    clock: Clock,
    load: LoadPage,
    onState: (state: LoadState) => void,
  ) {
    this.#client = client;
    this.#clock = clock;
    this.#load = load;
    this.#onState = onState;
  }

  /** Begins, and returns what ends it. */
  start(): Unsubscribe {
    this.#begin();
    const stops = [
      this.#client.onReset(() => this.#begin()),
      this.#client.onStatus((status) => this.#distrust(status)),
    ];
    return () => {
      for (const stop of stops) stop();
      this.#current?.abort();
    };
  }

  /** Whether a load is under way, after which the client is started. */
  get isLoading(): boolean {
    return this.#loading !== null && !this.#loading.aborted;
  }

  /**
   * Somebody else has signed in since the list was loaded: what the server gives now belongs to them, and what is
   * changed is theirs. Holds until their list is shown, whatever the client does meanwhile.
   */
  get isForeign(): boolean {
    return this.#foreign;
  }

  /** Loads again, for a reader who asks for it. */
  reload(): void {
    this.#onState({ kind: 'loading' });
    this.#begin();
  }

  async #show(signal: AbortSignal): Promise<string> {
    this.#loading = signal;
    try {
      const { cursor, show } = await this.#load(signal);
      if (!signal.aborted) {
        this.#foreign = false;
        show();
        this.#onState({ kind: 'ready' });
      }
      return cursor;
    } finally {
      if (this.#loading === signal) this.#loading = null;
    }
  }

  #begin(): void {
    this.#current?.abort();
    const abort = new AbortController();
    this.#current = abort;
    void this.#run(abort.signal);
  }

  /** Waits anew where somebody else has signed in: what is on its way may be theirs. */
  #distrust(status: ConnectionStatus): void {
    // Another listener may have started the client again already.
    if (!isSomebodyElse(status)) return;
    this.#foreign = true;
    if (this.#current !== null) this.#begin();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const client = this.#client;
    if (isSomebodyElse(client.status)) {
      this.#foreign = true;
      this.#onState({ kind: 'failed', message: '' });
      await until(client, signal, () => isRunning(client));
      if (!signal.aborted) this.#onState({ kind: 'loading' });
    }
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await loadWithoutGap(client, () => this.#show(signal), signal);
        if (!signal.aborted) this.#current = null;
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#onState({ kind: 'failed', message: messageOf(error) });
        client.connect();
        // What was refused may be given to another session, once that has connected.
        if (isRefusal(error)) await until(client, signal, () => !isConnected(client));
        await untilRetry(client, this.#clock, error, failures, signal);
      }
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
