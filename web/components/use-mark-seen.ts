import { useEffect } from 'react';

/** Marks as seen what is on top, as long as that can be seen: not in a tab in the background. */
export function useMarkSeen(
  visible: boolean,
  newest: string | undefined,
  markSeen: () => void,
): void {
  useEffect(() => {
    if (!visible || newest === undefined) return undefined;
    const mark = () => {
      if (document.visibilityState === 'visible') markSeen();
    };
    mark();
    document.addEventListener('visibilitychange', mark);
    return () => document.removeEventListener('visibilitychange', mark);
  }, [visible, newest, markSeen]);
}
