import type { ReactNode } from 'react';

/** The names of the icons. */
export type IconName =
  | 'activity'
  | 'alert'
  | 'arrow-up'
  | 'bell'
  | 'check'
  | 'check-all'
  | 'chevron'
  | 'close'
  | 'info'
  | 'inbox'
  | 'offline'
  | 'urgent';

const paths: Record<IconName, ReactNode> = {
  activity: <path d="M3 12h4l3-8 4 16 3-8h4" />,
  alert: <path d="M12 4 2.5 20h19zM12 10v4.5M12 17.2v.1" />,
  'arrow-up': <path d="M12 19V5M6 11l6-6 6 6" />,
  bell: <path d="M6 10a6 6 0 0 1 12 0c0 5 2 6.5 2 6.5H4S6 15 6 10M10 20a2.2 2.2 0 0 0 4 0" />,
  check: <path d="m5 12.5 4.5 4.5L19 7.5" />,
  'check-all': <path d="m2 12.5 4.5 4.5L15 8M12 16.5l.8.8L22 8" />,
  chevron: <path d="m9 6 6 6-6 6" />,
  close: <path d="M6 6l12 12M18 6 6 18" />,
  info: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="M12 11v5.5M12 7.6v.1" />
    </>
  ),
  inbox: <path d="M3 13h5l1.5 3h5L16 13h5M3 13 6 5h12l3 8v6H3z" />,
  offline: (
    <path d="M4 4l16 16M8.5 15.5a5 5 0 0 1 5.2-1.2M5 12a10 10 0 0 1 4-2.4M2 8.5A15 15 0 0 1 6 6M13 9.1a10 10 0 0 1 6 2.9M10.5 5.1A15 15 0 0 1 22 8.5M12 19v.1" />
  ),
  urgent: <path d="M8 3h8l5 5v8l-5 5H8l-5-5V8zM12 8v5M12 16v.1" />,
};

/** A decorative icon in the colour of the text: what it means is also said in words. */
export function Icon({ name, className = '' }: { name: IconName; className?: string }) {
  return (
    <svg
      className={`pgfeed-icon ${className}`.trim()}
      viewBox="0 0 24 24"
      aria-hidden="true"
      focusable="false"
    >
      {paths[name]}
    </svg>
  );
}
