import { type GaplessLoader, messageOf } from './gapless-loader.js';

/** The state of the older entries, below a list. */
export type OlderState =
  | { readonly kind: 'none' }
  | { readonly kind: 'more' }
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly message: string };

interface OlderPage {
  readonly before: string | null;
}

/** Loads what is older than a list, a page at a time, when asked to. */
export class OlderPages<Page extends OlderPage> {
  readonly #loader: GaplessLoader;
  readonly #ask: (before: string, signal: AbortSignal) => Promise<Page>;
  readonly #onPage: (page: Page, older: OlderState) => void;
  readonly #onState: (older: OlderState) => void;
  #before: string | null = null;
  #call: AbortController | null = null;

  constructor(
    loader: GaplessLoader,
    ask: (before: string, signal: AbortSignal) => Promise<Page>,
    onPage: (page: Page, older: OlderState) => void,
    onState: (older: OlderState) => void,
  ) {
    this.#loader = loader;
    this.#ask = ask;
    this.#onPage = onPage;
    this.#onState = onState;
  }

  /** Loads the next page; does nothing where there is none, or it would be somebody else's. */
  load(): void {
    if (this.#before === null || this.#loader.isForeign) return;
    this.#call?.abort();
    const call = new AbortController();
    this.#call = call;
    this.#onState({ kind: 'loading' });
    this.#ask(this.#before, call.signal).then(
      (page) => {
        if (!this.#isWanted(call)) return;
        this.#onPage(page, this.continueFrom(page.before));
      },
      (error: unknown) => {
        if (!this.#isWanted(call)) return;
        this.#call = null;
        this.#onState({ kind: 'failed', message: messageOf(error) });
      },
    );
  }

  /** Says where the list ends now; a page that is on its way goes below another end. */
  continueFrom(before: string | null): OlderState {
    this.#call?.abort();
    this.#call = null;
    this.#before = before;
    return olderOf(before);
  }

  /**
   * Says what the list has let go of at its end. It lists in the order of commits, and pages go by id: these go on above
   * all that was let go of, and bring some that are listed.
   */
  continueAfterCut(cut: readonly { readonly id: string }[]): OlderState {
    let before = BigInt(this.#before ?? 0);
    for (const { id } of cut) {
      const above = BigInt(id) + 1n;
      if (above > before) before = above;
    }
    return this.continueFrom(String(before));
  }

  /** Gives up the page that is on its way, which can be asked for again. */
  abort(): void {
    if (this.#call !== null) this.#onState(this.continueFrom(this.#before));
  }

  #isWanted(call: AbortController): boolean {
    if (call.signal.aborted) return false;
    if (this.#loader.isForeign) this.abort();
    return !call.signal.aborted;
  }
}

function olderOf(before: string | null): OlderState {
  return { kind: before === null ? 'none' : 'more' };
}
