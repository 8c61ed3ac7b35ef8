import { backoffMs } from './backoff.js';
import type { PageSignal } from './page.js';
import { ServerClient } from './server-client.js';

const POLL_EVERY_MS = 30_000;
const FAILURES_BEFORE_OFFLINE = 3;

/** A {@link RealtimeClient} that only polls, every 30 s: by choice, where no stream is wanted. */
export class PollingClient extends ServerClient {
  protected override begin(): void {
    this.startPolling((failures) =>
      failures === 0 ? POLL_EVERY_MS : backoffMs(failures, this.random),
    );
  }

  protected override release(): void {}

  protected override onSignal(signal: PageSignal): void {
    if (signal === 'online' || signal === 'visible') this.poller?.hurry();
    if (signal === 'tick') this.poller?.tick();
    if (signal === 'online' || signal === 'offline') {
      this.offline = signal === 'offline';
      this.show();
    }
  }

  protected override show(): void {
    const { poller } = this;
    if (poller === null) return;
    const { failures, pollAt, answered } = poller;
    if (this.offline || failures > FAILURES_BEFORE_OFFLINE) {
      this.setStatus({ state: 'offline', retryAt: null, pollAt });
    } else if (failures > 0 || !answered) {
      this.setStatus({ state: 'connecting', retryAt: pollAt });
    } else {
      this.setStatus({ state: 'polling', retryAt: null, pollAt, notice: null });
    }
  }
}
