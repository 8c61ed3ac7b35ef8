import { useEffect, useState } from 'react';
import { english, german, type Messages } from '@pgfeed/react';

const schemes = { system: 'light dark', light: 'light', dark: 'dark' } as const;
type Scheme = keyof typeof schemes;
const languages: Record<string, { readonly name: string; readonly messages: Messages }> = {
  en: { name: 'English', messages: english },
  de: { name: 'Deutsch', messages: german },
};

/** How the page is shown; kept for this browser. */
export interface Display {
  readonly scheme: Scheme;
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
}

const KEY = 'pgfeed-demo:display';
const byDefault: Display = { scheme: 'system', language: 'en', direction: 'ltr' };

/** The display as it was chosen, applied to the page. */
export function useDisplay(): readonly [Display, Messages, (display: Display) => void] {
  const [display, setDisplay] = useState(read);
  const messages = languages[display.language]?.messages ?? english;
  useEffect(() => {
    const root = document.documentElement;
    root.style.colorScheme = schemes[display.scheme];
    if (display.scheme === 'system') delete root.dataset.pgfeedTheme;
    else root.dataset.pgfeedTheme = display.scheme;
    root.dir = display.direction;
    localStorage.setItem(KEY, JSON.stringify(display));
  }, [display]);
  return [display, messages, setDisplay];
}

/** Chooses scheme, language and direction. */
export function DisplaySettings({
  display,
  onChange,
}: {
  display: Display;
  onChange: (display: Display) => void;
}) {
  return (
    <div className="row display">
      <select
        aria-label="Colours"
        value={display.scheme}
        onChange={(event) => onChange({ ...display, scheme: event.target.value as Scheme })}
      >
        <option value="system">System colours</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
      <select
        aria-label="Language of the components"
        value={display.language}
        onChange={(event) => onChange({ ...display, language: event.target.value })}
      >
        {Object.entries(languages).map(([code, { name }]) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </select>
      <select
        aria-label="Direction"
        value={display.direction}
        onChange={(event) =>
          onChange({ ...display, direction: event.target.value === 'rtl' ? 'rtl' : 'ltr' })
        }
      >
        <option value="ltr">Left to right</option>
        <option value="rtl">Right to left</option>
      </select>
    </div>
  );
}

function read(): Display {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Display>;
    return {
      scheme: kept.scheme !== undefined && kept.scheme in schemes ? kept.scheme : byDefault.scheme,
      language:
        kept.language !== undefined && kept.language in languages
          ? kept.language
          : byDefault.language,
      direction: kept.direction === 'rtl' ? 'rtl' : 'ltr',
    };
  } catch {
    return byDefault;
  }
}
