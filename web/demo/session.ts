import { useCallback, useState } from 'react';
import { isObject } from '../lib/realtime/events.js';

/** Who a panel is logged in as. A token that was pasted in comes without the names. */
export interface Session {
  readonly token: string;
  readonly tenantName: string | null;
  readonly userName: string | null;
}

/** A name for who comes with a token, under which settings are kept: not a part of it, which would stay in the browser. */
export function nameOf(token: string): string {
  let hash = 0x811c9dc5; // FNV-1a, 32 bits
  for (const character of token) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 0).toString(16);
}

/** A panel's session, kept for as long as the tab lives, so that a reload stays logged in. */
export function useSession(
  key: string,
): readonly [Session | null, (session: Session | null) => void] {
  const [session, setSession] = useState(() => read(key));
  const store = useCallback(
    (next: Session | null) => {
      if (next === null) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, JSON.stringify(next));
      setSession(next);
    },
    [key],
  );
  return [session, store];
}

function read(key: string): Session | null {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(key) ?? 'null');
    if (!isObject(value) || typeof value.token !== 'string') return null;
    return {
      token: value.token,
      tenantName: typeof value.tenantName === 'string' ? value.tenantName : null,
      userName: typeof value.userName === 'string' ? value.userName : null,
    };
  } catch {
    return null;
  }
}
