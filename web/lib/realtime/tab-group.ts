import type { ConnectionStatus, RealtimeEvent, ResetReason, Unsubscribe } from './client.js';
import type { Clock } from './clock.js';
import { Election } from './election.js';
import type { TabChannel, Tabs } from './tabs.js';

/** How often a tab asks for a sign of life, when somebody looks at it and when nobody does. */
const ASK_EVERY_MS = 3_000;
const ASK_EVERY_HIDDEN_MS = 15_000;
/** A leader that doesn't answer for so long is frozen or hangs. */
const SILENT_AFTER_MS = 6_000;
/** The tabs that notice don't all act at once, and one that is looked at acts first. */
const STEAL_WITHIN_MS = 1_000;

/**
 * What the leader tells: where it stands, an event, a reset. `cursor` is its position, from which whatever it hasn't told
 * comes: after the event, or before all events of the same poll.
 */
export type LeaderWord =
  | {
      readonly kind: 'state';
      readonly cursor: string | null;
      readonly status: ConnectionStatus;
      /** `null` until the server has told. */
      readonly clockAhead: number | null;
    }
  | { readonly kind: 'event'; readonly cursor: string | null; readonly event: RealtimeEvent }
  | { readonly kind: 'reset'; readonly cursor: string | null; readonly reason: ResetReason };

/** What tabs send each other. */
type TabMessage =
  /** A tab that follows is there, and wants to hear how things stand. */
  | { readonly from: 'follower'; readonly id: string; readonly visible: boolean }
  | { readonly from: 'leaver'; readonly id: string }
  | {
      readonly from: 'leader';
      readonly id: string;
      /** Later leaders have higher ones. */
      readonly term: number;
      /** The tab in which happens what may happen only once. */
      readonly presenter: string;
      /** In the order in which they were said. */
      readonly words: readonly LeaderWord[];
    };

/** What a group needs, and whom it tells. */
export interface TabGroupOptions {
  readonly tabs: Tabs;
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly isVisible: () => boolean;
  /** From now on this tab leads. */
  readonly onLead: () => void;
  /** From now on another tab leads, whose words follow. What the one before said last may not have arrived. */
  readonly onFollow: () => void;
  readonly onWord: (word: LeaderWord) => void;
  /** A tab wants to hear the leader's state. */
  readonly onAsked: () => void;
  readonly onPresenter: (isPresenter: boolean) => void;
  /** The browser doesn't let this page share: the group is of no use. */
  readonly onRefused: () => void;
}

/** The tabs that share a connection. One leads and speaks, the others listen; if it falls silent, another takes over. */
export class TabGroup {
  readonly #options: TabGroupOptions;
  readonly #id = crypto.randomUUID();
  readonly #channel: TabChannel;
  readonly #election: Election;
  /** The others that are looked at, in the order in which that began, and when they were last heard of. */
  readonly #visible = new Map<string, number>();
  #leading = false;
  #left = false;
  /** Said, and not passed on yet. */
  #unsaid: LeaderWord[] = [];
  #term = 0;
  #presenter = '';
  #heardAt: number;
  /** When the question was put that nobody has answered yet. */
  #askedAt: number | null = null;
  #cancelAsk: Unsubscribe = () => {};

  constructor(options: TabGroupOptions) {
    this.#options = options;
    this.#heardAt = options.clock.now();
    this.#channel = options.tabs.openChannel(options.name, (message) =>
      // Same origin, and the name carries the version of what is said.
      this.#take(message as TabMessage),
    );
    this.#election = new Election(options.tabs.locks, options.name, {
      onWon: () => this.#lead(),
      onLost: () => this.#deposed(),
      onRefused: options.onRefused,
    });
    options.onPresenter(false);
    this.#election.stand();
    this.#ask();
  }

  get leading(): boolean {
    return this.#leading;
  }

  /**
   * Tells the others; only the leader speaks. What is said in one go travels in one message, or each event of a burst
   * would be a task of its own in the other tabs, and a rendering of their lists.
   */
  say(word: LeaderWord): void {
    this.#choosePresenter();
    if (this.#unsaid.push(word) === 1) queueMicrotask(() => this.#passOn());
  }

  /** Asks the leader how things stand, and goes on asking from time to time. */
  ask(): void {
    if (!this.#leading) this.#ask();
  }

  /** Somebody looks at this page now, or no longer. */
  visibilityChanged(): void {
    if (this.#leading) this.#options.onAsked();
    else this.#ask();
  }

  leave(): void {
    this.#passOn();
    this.#left = true;
    this.#cancelAsk();
    this.#election.leave();
    this.#leading = false;
    this.#post({ from: 'leaver', id: this.#id });
    this.#channel.close();
  }

  #passOn(): void {
    const words = this.#unsaid;
    if (words.length === 0) return;
    this.#unsaid = [];
    this.#post({
      from: 'leader',
      id: this.#id,
      term: this.#term,
      presenter: this.#presenter,
      words,
    });
  }

  #post(message: TabMessage): void {
    this.#channel.post(message);
  }

  #take(message: TabMessage): void {
    const { clock } = this.#options;
    switch (message.from) {
      case 'follower':
        if (!message.visible) this.#visible.delete(message.id);
        else this.#visible.set(message.id, clock.now());
        if (this.#leading) this.#options.onAsked();
        break;
      case 'leaver':
        this.#visible.delete(message.id);
        break;
      case 'leader':
        // A leader that was deposed and hasn't noticed yet.
        if (message.term < this.#term) return;
        this.#heardAt = clock.now();
        this.#askedAt = null;
        if (message.term > this.#term) this.#follow(message.term);
        this.#present(message.presenter);
        for (const word of message.words) {
          // A listener may have disconnected.
          if (this.#left) return;
          this.#options.onWord(word);
        }
        break;
    }
  }

  #lead(): void {
    this.#cancelAsk();
    this.#leading = true;
    this.#term = Math.max(this.#term + 1, this.#options.clock.now());
    this.#options.onLead();
  }

  #follow(term: number): void {
    this.#passOn();
    this.#leading = false;
    this.#term = term;
    this.#options.onFollow();
    this.#ask();
  }

  /** Another tab took this one for dead. */
  #deposed(): void {
    this.#passOn();
    if (this.#leading) {
      this.#leading = false;
      this.#options.onFollow();
    }
    this.#election.stand();
    this.#ask();
  }

  #ask(): void {
    const { clock, isVisible } = this.#options;
    this.#cancelAsk();
    this.#askedAt ??= clock.now();
    const visible = isVisible();
    this.#post({ from: 'follower', id: this.#id, visible });
    const every = visible ? ASK_EVERY_MS : ASK_EVERY_HIDDEN_MS;
    const due = clock.now() + every;
    this.#cancelAsk = clock.after(every, () => {
      // A timer that is late says that it was this tab that slept: answers may be waiting behind it.
      if (clock.now() - due > every) this.#askedAt = null;
      else if (this.#isSilent()) return this.#takeOver();
      this.#ask();
    });
  }

  #isSilent(): boolean {
    const now = this.#options.clock.now();
    return (
      this.#askedAt !== null &&
      now - this.#askedAt >= ASK_EVERY_MS &&
      now - this.#heardAt >= SILENT_AFTER_MS
    );
  }

  #takeOver(): void {
    const { clock, isVisible, random } = this.#options;
    const patience = isVisible() ? 0 : STEAL_WITHIN_MS;
    this.#cancelAsk = clock.after(patience + random() * STEAL_WITHIN_MS, () => {
      if (this.#isSilent()) this.#election.stand(true);
      else this.#ask();
    });
  }

  /** A tab that is looked at and still answers, the same for as long as it does; else the leader, which is this one. */
  #choosePresenter(): void {
    const { clock, isVisible } = this.#options;
    for (const [id, heardAt] of this.#visible) {
      if (clock.now() - heardAt > 2 * SILENT_AFTER_MS) this.#visible.delete(id);
    }
    const candidates = [...(isVisible() ? [this.#id] : []), ...this.#visible.keys()];
    if (!candidates.includes(this.#presenter)) this.#present(candidates.at(-1) ?? this.#id);
  }

  #present(presenter: string): void {
    this.#presenter = presenter;
    this.#options.onPresenter(presenter === this.#id);
  }
}
