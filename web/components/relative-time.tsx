import { useEffect, useState } from 'react';

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** Says how long ago, such as "5 minutes ago"; "now" within the first minute, and for clocks that differ a little. */
export function relativeTime(then: number, now: number, locale?: string): string {
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'long' });
  const seconds = Math.round((then - now) / 1_000);
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
  }
  return format.format(0, 'second');
}

/** A point in time, relative, with the exact one on hover. It keeps itself true without rendering what is around it. */
export function RelativeTime({ dateTime, className }: { dateTime: string; className?: string }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  const then = Date.parse(dateTime);
  if (Number.isNaN(then)) return null;
  return (
    <time dateTime={dateTime} title={new Date(then).toLocaleString()} className={className}>
      {relativeTime(then, now)}
    </time>
  );
}
