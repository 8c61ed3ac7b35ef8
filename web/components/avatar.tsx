import { memo } from 'react';

/** Somebody's initials on a colour of their own. Memoized: a list that moves on renders all of its rows. */
export const Avatar = memo(function Avatar({ name }: { name: string }) {
  return (
    <span className="pgfeed-avatar" data-hue={hueOf(name)} aria-hidden="true">
      {initialsOf(name)}
    </span>
  );
});

/** The first letters of the first and the last word, as a reader would count letters. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s._-]+/u).filter((word) => word !== '');
  const first = words[0] ?? '';
  const last = words.length > 1 ? (words.at(-1) ?? '') : '';
  return (letter(first) + letter(last)).toLocaleUpperCase() || '?';
}

// Made once: that takes longer than all that is done with it.
let segmenter: Intl.Segmenter | undefined;

function letter(word: string): string {
  // Firefox has it since 125.
  if (!('Segmenter' in Intl)) return Array.from(word)[0] ?? '';
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  const [first] = segmenter.segment(word);
  return first?.segment ?? '';
}

const HUES = 8;

function hueOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return hash % HUES;
}
