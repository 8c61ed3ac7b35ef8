import { memo, useSyncExternalStore } from 'react';
import { usePgfeed } from './provider.js';

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

const formats = new Map<string, Intl.RelativeTimeFormat>();

function formatOf(locale: string): Intl.RelativeTimeFormat {
  const format = formats.get(locale) ?? new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  formats.set(locale, format);
  return format;
}

/** Says how long ago, such as "5 minutes ago"; "now" within the first minute, and for clocks that differ a little. */
export function relativeTime(then: number, now: number, locale: string): string {
  const format = formatOf(locale);
  const seconds = Math.round((then - now) / 1_000);
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
  }
  return format.format(0, 'second');
}

/**
 * A point in time, relative, with the exact one on hover. It keeps itself true without rendering what is around it,
 * and renders itself only when its words change.
 */
export const RelativeTime = memo(function RelativeTime({
  dateTime,
  id,
  className,
}: {
  dateTime: string;
  id?: string;
  className?: string;
}) {
  const { client, minutes, messages } = usePgfeed();
  const then = Date.parse(dateTime);
  const { locale } = messages;
  // A server knows neither when its page will be read nor the reader's time zone: it gives the date.
  const text = useSyncExternalStore(
    minutes.subscribe,
    () => {
      if (Number.isNaN(then)) return '';
      // What is shown was recorded by the server's clock.
      return relativeTime(then, minutes.now() - client.clockAhead, locale);
    },
    () => dateTime.slice(0, 10),
  );
  const exact = useSyncExternalStore(
    never,
    () => exactTime(then, locale),
    () => undefined,
  );
  if (Number.isNaN(then)) return null;
  return (
    <time id={id} dateTime={dateTime} title={exact} className={className}>
      {text}
    </time>
  );
});

const never = () => () => {};

// Making one takes longer than all that is done with it, and each time of a list asks at each render.
const exactFormats = new Map<string, Intl.DateTimeFormat>();

function exactTime(then: number, locale: string): string | undefined {
  if (Number.isNaN(then)) return undefined;
  const format =
    exactFormats.get(locale) ??
    new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' });
  exactFormats.set(locale, format);
  return format.format(then);
}
