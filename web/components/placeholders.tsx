import { Icon, type IconName } from './icons.js';
import { usePgfeed } from './provider.js';

/** Grey rows in the shape of what is being loaded. */
export function Skeleton({ rows }: { rows: number }) {
  return (
    <div className="pgfeed-skeleton" aria-hidden="true">
      {Array.from({ length: rows }, (_, row) => (
        <div className="pgfeed-skeleton-row" key={row}>
          <span className="pgfeed-skeleton-avatar" />
          <span className="pgfeed-skeleton-lines">
            <span />
            <span />
          </span>
        </div>
      ))}
    </div>
  );
}

/** In place of a list that has nothing. */
export function Empty({ icon, title, hint }: { icon: IconName; title: string; hint: string }) {
  return (
    <div className="pgfeed-empty">
      <Icon name={icon} className="pgfeed-empty-icon" />
      <p className="pgfeed-empty-title">{title}</p>
      <p className="pgfeed-empty-hint">{hint}</p>
    </div>
  );
}

/** In place of a list that couldn't be loaded, or above what was loaded before. */
export function Failed({
  title,
  message,
  onRetry,
}: {
  title: string;
  message: string;
  onRetry: () => void;
}) {
  const { messages } = usePgfeed();
  return (
    <div className="pgfeed-failed" role="alert">
      <Icon name="alert" className="pgfeed-failed-icon" />
      <div className="pgfeed-failed-text">
        <p className="pgfeed-failed-title">{title}</p>
        <p>{message || messages.unknownError}</p>
      </div>
      <button type="button" className="pgfeed-button" onClick={onRetry}>
        {messages.retry}
      </button>
    </div>
  );
}
