import * as Popover from '@radix-ui/react-popover';
import { useRef, useState } from 'react';
import { ActivityFeed } from './activity-feed.js';
import { countText } from './count.js';
import { Icon } from './icons.js';
import { usePgfeed } from './provider.js';
import { useUnseenActivities } from './use-activity-feed.js';

/**
 * A button that counts the activities that its reader hasn't seen, and opens the feed: in a panel of its own, or with
 * `onOpen` where the page shows it.
 */
export function ActivityBadge({
  className = '',
  onOpen,
}: {
  className?: string;
  onOpen?: () => void;
}) {
  const [open, setOpen] = useState(false);
  const panelRef = useRef<HTMLDivElement>(null);
  const { messages } = usePgfeed();
  if (onOpen !== undefined) return <BadgeButton className={className} onClick={onOpen} />;
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <BadgeButton className={className} />
      </Popover.Trigger>
      <Popover.Content
        className="pgfeed-panel"
        align="end"
        sideOffset={8}
        collisionPadding={8}
        aria-label={messages.feed.label}
        tabIndex={-1}
        ref={panelRef}
        onOpenAutoFocus={(event) => {
          event.preventDefault();
          panelRef.current?.focus();
        }}
      >
        <div className="pgfeed-panel-head">
          <h2 className="pgfeed-panel-title">{messages.feed.label}</h2>
        </div>
        <div className="pgfeed-panel-body">
          <ActivityFeed />
        </div>
      </Popover.Content>
    </Popover.Root>
  );
}

function BadgeButton({ className, ...rest }: { className: string; onClick?: () => void }) {
  const { count, more } = useUnseenActivities();
  const { messages } = usePgfeed();
  return (
    <button
      type="button"
      {...rest}
      className={`pgfeed-icon-button pgfeed-activity-badge ${className}`.trim()}
      aria-label={messages.badge.label(count, more)}
    >
      <Icon name="activity" />
      {count > 0 && (
        <span className="pgfeed-count" data-tone="calm" aria-hidden="true">
          {countText(count, more, messages.locale)}
        </span>
      )}
    </button>
  );
}
