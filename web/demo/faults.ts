import type { Fetch } from '@pgfeed/client';

/** What can be made to fail, to see what the page makes of it. */
export type Fault = 'none' | 'stream' | 'silence' | 'writes' | 'everything';

/** A network that fails as it is told to. */
export class FaultyNetwork {
  #fault: Fault = 'none';
  #streams = new AbortController();

  get fault(): Fault {
    return this.#fault;
  }

  /** From now on this fails; streams that are open break. */
  set(fault: Fault): void {
    this.#fault = fault;
    this.cut();
  }

  /** Breaks the streams that are open, once. */
  cut(): void {
    this.#streams.abort(new TypeError('cut by the demo'));
    this.#streams = new AbortController();
  }

  readonly fetch: Fetch = async (url, init) => {
    const isStream = url.includes('/stream');
    const signals = [init.signal, isStream ? this.#streams.signal : null].filter(
      (signal) => signal !== null && signal !== undefined,
    );
    const signal = AbortSignal.any(signals);
    switch (this.#fault) {
      case 'everything':
        throw new TypeError('Failed to fetch');
      case 'stream':
        if (isStream) throw new TypeError('Failed to fetch');
        break;
      case 'silence':
        if (isStream) return silentStream(signal);
        break;
      case 'writes':
        if (init.method === 'POST') {
          // Long enough to see that the page didn't wait for the answer.
          await new Promise((resolve) => {
            setTimeout(resolve, 2_000);
          });
          return Response.json({ title: 'The demo refuses to write.' }, { status: 503 });
        }
        break;
      case 'none':
    }
    return fetch(url, { ...init, signal });
  };
}

/** As a proxy that buffers: an answer, and then nothing. */
function silentStream(signal: AbortSignal): Response {
  const body = new ReadableStream({
    start: (controller) => {
      signal.addEventListener('abort', () => controller.error(signal.reason), { once: true });
    },
  });
  return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
}
