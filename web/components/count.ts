const MOST = 99;

/** A count as it fits on a badge: "99+" from 100 on, and with a plus where there are at least so many. */
export function countText(count: number, more: boolean, locale: string): string {
  const number = new Intl.NumberFormat(locale).format(Math.min(count, MOST));
  return more || count > MOST ? `${number}+` : number;
}
