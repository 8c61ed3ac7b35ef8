import type { ConnectionStatus, RealtimeClient } from '@pgfeed/client';

/** Whether it was started, and keeps trying. */
export function isRunning({ status }: RealtimeClient): boolean {
  return status.state !== 'closed' && status.state !== 'unauthorized';
}

/** Whether events reach it. */
export function isConnected({ status }: RealtimeClient): boolean {
  return status.state === 'live' || status.state === 'polling';
}

/** Whether somebody else has signed in, and the page hasn't gone on as them yet. */
export function isSomebodyElse(status: ConnectionStatus): boolean {
  return status.state === 'unauthorized' && status.reason === 'identity';
}

/** Waits for a change of status after which the condition holds, or for the abort. */
export function until(
  client: RealtimeClient,
  signal: AbortSignal,
  holds: () => boolean,
): Promise<void> {
  if (signal.aborted || holds()) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      stop();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const stop = client.onStatus(() => {
      if (holds()) done();
    });
    signal.addEventListener('abort', done);
  });
}
