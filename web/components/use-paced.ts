import { useEffect, useRef, useState } from 'react';
import type { Unsubscribe } from '@pgfeed/client';
import { usePgfeed } from './provider.js';

// About as long as it takes to read a short sentence aloud.
const PACE_MS = 2_000;

/** A count as a live region should say it: not each step of a stream, but the latest every two seconds. */
export function usePaced(count: number): number {
  const { clock } = usePgfeed();
  const [said, say] = useState(count);
  // There is no hurry to say so, but what was said before isn't true any more.
  if (count === 0 && said !== 0) say(0);
  const latest = useRef(count);
  const wait = useRef<Unsubscribe | null>(null);
  useEffect(() => {
    latest.current = count;
    if (wait.current !== null) return;
    wait.current = clock.after(PACE_MS, () => {
      wait.current = null;
      say(latest.current);
    });
  }, [count, clock]);
  useEffect(
    () => () => {
      wait.current?.();
      wait.current = null;
    },
    [],
  );
  return said;
}
