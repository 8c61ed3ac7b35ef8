import type { ConnectionStats, ConnectionStatus } from './client.js';
import type { Clock } from './clock.js';

/** Counts how a client fares. Connections and times are read off the status, so that every kind of client counts alike. */
export class StatsRecorder {
  readonly #clock: Clock;
  #startedMs = 0;
  #liveMs = 0;
  #connections = 0;
  #failures = 0;
  #cuts = 0;
  #reconnections = 0;
  #firstTryReconnections = 0;
  #events = 0;
  #duplicates = 0;
  #resets = 0;
  #status: ConnectionStatus = { state: 'closed' };
  /** The clock's time up to which the times are counted. */
  #countedTo: number;
  /** Failed attempts since the last cut; `null` when the next connection follows no cut. */
  #failuresSinceCut: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#countedTo = clock.now();
  }

  event(): void {
    this.#events++;
  }

  duplicate(): void {
    this.#duplicates++;
  }

  reset(): void {
    this.#resets++;
  }

  /** Takes note of a new status. */
  status(next: ConnectionStatus): void {
    this.#countTime();
    const last = this.#status;
    this.#status = next;
    if (next.state === 'live') {
      this.#connections++;
      if (this.#failuresSinceCut !== null) this.#reconnections++;
      if (this.#failuresSinceCut === 0) this.#firstTryReconnections++;
      this.#failuresSinceCut = null;
    } else if (!isStarted(next)) {
      this.#failuresSinceCut = null;
    } else if (last.state === 'live') {
      this.#cuts++;
      this.#failuresSinceCut = 0;
    } else if (isTrying(last) && !isTrying(next)) {
      this.#failures++;
      if (this.#failuresSinceCut !== null) this.#failuresSinceCut++;
    }
  }

  snapshot(): ConnectionStats {
    this.#countTime();
    return {
      startedMs: this.#startedMs,
      liveMs: this.#liveMs,
      uptime: this.#startedMs === 0 ? 1 : this.#liveMs / this.#startedMs,
      connections: this.#connections,
      failures: this.#failures,
      cuts: this.#cuts,
      reconnections: this.#reconnections,
      firstTryReconnections: this.#firstTryReconnections,
      events: this.#events,
      duplicates: this.#duplicates,
      resets: this.#resets,
    };
  }

  #countTime(): void {
    const now = this.#clock.now();
    // A clock that was set back takes nothing away.
    const passed = Math.max(0, now - this.#countedTo);
    this.#countedTo = now;
    if (isStarted(this.#status)) this.#startedMs += passed;
    if (this.#status.state === 'live') this.#liveMs += passed;
  }
}

function isStarted({ state }: ConnectionStatus): boolean {
  return state !== 'closed' && state !== 'unauthorized';
}

/** Whether an attempt to go live is under way. */
function isTrying(status: ConnectionStatus): boolean {
  return 'retryAt' in status && status.retryAt === null;
}
