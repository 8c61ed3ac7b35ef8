import type { OlderState } from './older-pages.js';
import { useInView } from './use-in-view.js';

/** Below a list: loads older entries when it comes into view, or by hand. */
export function Older({
  state,
  count,
  onLoad,
  texts,
}: {
  state: OlderState;
  /** How many are listed: when that changes and this is still in view, more are loaded. */
  count: number;
  onLoad: () => void;
  texts: {
    readonly showOlder: string;
    readonly loadingOlder: string;
    readonly olderFailed: string;
  };
}) {
  return (
    <div className="pgfeed-older" hidden={state.kind === 'none'}>
      {/* A new one for each page, which tells anew whether it is in view. */}
      {state.kind === 'more' && <Sentinel key={count} onVisible={onLoad} />}
      <p
        role="status"
        className={state.kind === 'failed' ? 'pgfeed-older-failed' : 'pgfeed-hidden'}
      >
        {state.kind === 'failed' && `${texts.olderFailed} ${state.message}`.trim()}
        {state.kind === 'loading' && texts.loadingOlder}
      </p>
      <button
        type="button"
        className="pgfeed-button"
        // Not disabled while loading, or the focus would be lost.
        aria-disabled={state.kind === 'loading'}
        onClick={() => {
          if (state.kind !== 'loading') onLoad();
        }}
      >
        {state.kind === 'loading' && <span className="pgfeed-spinner" aria-hidden="true" />}
        {texts.showOlder}
      </button>
    </div>
  );
}

function Sentinel({ onVisible }: { onVisible: () => void }) {
  const ref = useInView<HTMLDivElement>((where) => {
    if (where === 'visible') onVisible();
  }, 400);
  return <div ref={ref} />;
}
