import type { Clock } from './clock.js';

/** The part of `fetch` that is used here. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Gives the session token of the moment, or `null` where a cookie says who we are. */
export type GetToken = () => string | null | Promise<string | null>;

/** How to reach the gateway and as whom. */
export interface Access {
  /** The gateway's address, without a slash at the end; empty for the page's own. */
  readonly baseUrl?: string;
  /** Without it, or where it gives `null`, requests carry cookies. */
  readonly getToken?: GetToken;
  /** Defaults to the browser's. */
  readonly fetch?: Fetch;
}

/** Sends one request with the session's credentials. A token goes without cookies, so that only one of them decides. */
export async function send(access: Access, path: string, init: RequestInit): Promise<Response> {
  const token = (await untilAborted(access.getToken?.(), init.signal)) ?? null;
  const headers = new Headers(init.headers);
  if (token !== null) headers.set('Authorization', `Bearer ${token}`);
  const doFetch = access.fetch ?? ((url, options) => fetch(url, options));
  const request = doFetch((access.baseUrl ?? '') + path, {
    ...init,
    headers,
    credentials: token === null ? 'include' : 'omit',
    cache: 'no-store',
  });
  return untilAborted(request, init.signal);
}

/** Gives work a signal that aborts when the caller's does or when the time is up. */
export async function withinTime<T>(
  clock: Clock,
  milliseconds: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const giveUp = () => abort.abort();
  if (signal?.aborted) giveUp();
  signal?.addEventListener('abort', giveUp, { once: true });
  const cancelTimeout = clock.after(milliseconds, giveUp);
  try {
    return await work(abort.signal);
  } finally {
    cancelTimeout();
    signal?.removeEventListener('abort', giveUp);
  }
}

/** Rejects as soon as the signal aborts, also when what is waited for takes no notice of it. */
export function untilAborted<T>(
  work: T | PromiseLike<T>,
  signal: AbortSignal | null | undefined,
): Promise<T> {
  if (!signal) return Promise.resolve(work);
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(new DOMException('The request was given up', 'AbortError'));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}
