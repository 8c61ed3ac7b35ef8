import { usePgfeed } from './provider.js';
import { useNotificationSound } from './use-notifications.js';

/** Turns the sound of notifications on and off. Off at first, and kept. */
export function SoundSwitch({ className = '' }: { className?: string }) {
  const { messages } = usePgfeed();
  const { enabled, blocked, setEnabled } = useNotificationSound();
  return (
    <div className={`pgfeed-sound ${className}`.trim()}>
      <button
        type="button"
        role="switch"
        aria-checked={enabled}
        className="pgfeed-switch"
        onClick={() => setEnabled(!enabled)}
      >
        <span className="pgfeed-switch-track" aria-hidden="true" />
        {messages.notifications.sound}
      </button>
      <span role="status" className="pgfeed-sound-hint">
        {enabled && blocked && messages.notifications.soundBlocked}
      </span>
    </div>
  );
}
