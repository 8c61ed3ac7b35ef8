import * as Tooltip from '@radix-ui/react-tooltip';
import { useState } from 'react';
import type { ConnectionStatus as Status } from '@pgfeed/client';
import { usePgfeed } from './provider.js';
import { useSecondsUntil, useSettledStatus } from './use-connection-status.js';

/**
 * Says in a word, with a colour and a shape, whether updates arrive live. Its tooltip, on hover, focus and click,
 * says what that means for the reader and when the next attempt is.
 */
export function ConnectionStatus({ className = '' }: { className?: string }) {
  const { messages } = usePgfeed();
  const status = useSettledStatus();
  const [open, setOpen] = useState(false);
  const { label, explain } = messages.connection.states[status.state];
  return (
    <Tooltip.Provider delayDuration={300}>
      <Tooltip.Root open={open} onOpenChange={setOpen}>
        <Tooltip.Trigger asChild>
          <button
            type="button"
            className={`pgfeed-status ${className}`.trim()}
            data-connection={status.state}
            // A touch has no hover: there a tap opens it, and another closes it.
            onPointerDown={(event) => event.preventDefault()}
            onClick={(event) => {
              event.preventDefault();
              setOpen((shown) => event.detail === 0 || !shown);
            }}
          >
            <StatusMark state={status.state} />
            {label}
          </button>
        </Tooltip.Trigger>
        <Tooltip.Content
          className="pgfeed-tooltip"
          side="bottom"
          sideOffset={6}
          collisionPadding={8}
        >
          {explain}
          <NextTry status={status} />
        </Tooltip.Content>
      </Tooltip.Root>
    </Tooltip.Provider>
  );
}

function NextTry({ status }: { status: Status }) {
  const { connection } = usePgfeed().messages;
  const retryAt = 'retryAt' in status ? status.retryAt : null;
  const pollAt = 'pollAt' in status ? status.pollAt : null;
  const retryIn = useSecondsUntil(retryAt);
  const pollIn = useSecondsUntil(pollAt);
  return (
    <>
      {status.state === 'polling' && pollIn !== null && ` ${connection.pollIn(pollIn)}`}
      {retryIn !== null && ` ${connection.retryIn(retryIn)}`}
      {status.state === 'offline' && retryIn === null && ` ${connection.trying}`}
    </>
  );
}

/** A shape for each state, so that it can be told without colours: disc, ring with a gap, two bars, cross. */
function StatusMark({ state }: { state: Status['state'] }) {
  return (
    <svg className="pgfeed-status-mark" viewBox="0 0 12 12" aria-hidden="true" focusable="false">
      {state === 'live' && <circle cx="6" cy="6" r="4.5" fill="currentColor" />}
      {state === 'connecting' && (
        <circle className="pgfeed-status-turning" cx="6" cy="6" r="4.2" strokeDasharray="18 9" />
      )}
      {state === 'polling' && <path d="M3.5 2v8M8.5 2v8" />}
      {(state === 'offline' || state === 'unauthorized') && <path d="M2.5 2.5l7 7M9.5 2.5l-7 7" />}
      {state === 'closed' && <path d="M2 6h8" />}
    </svg>
  );
}
