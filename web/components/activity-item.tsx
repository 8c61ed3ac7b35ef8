import { memo, useId } from 'react';
import { Avatar } from './avatar.js';
import { RelativeTime } from './relative-time.js';
import type { Activity } from './rows.js';

/** One activity. It is rendered again only when it moves within the set. */
export const ActivityItem = memo(function ActivityItem({
  item,
  position,
  size,
}: {
  item: Activity;
  /** From 1. */
  position: number;
  /** Of the whole set; -1 where that isn't known. */
  size: number;
}) {
  const id = useId();
  const { userName, description } = item;
  // Many descriptions begin with who did it: then it is said once.
  const named = beginsWithName(description, userName);
  return (
    <article
      className="pgfeed-item"
      aria-posinset={position}
      aria-setsize={size}
      aria-labelledby={`${id}-text`}
      aria-describedby={`${id}-meta`}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
    >
      <Avatar name={userName || description} />
      <div className="pgfeed-item-body">
        <p id={`${id}-text`} className="pgfeed-item-text">
          {named ? (
            <>
              <strong>{userName}</strong>
              {description.slice(userName.length)}
            </>
          ) : (
            description
          )}
        </p>
        <p id={`${id}-meta`} className="pgfeed-item-meta">
          {!named && userName !== '' && <span className="pgfeed-item-user">{userName}</span>}
          <RelativeTime dateTime={item.createdAt} />
        </p>
      </div>
    </article>
  );
});

/**
 * Whether it begins with the name, and not with a word that begins alike: "Alice left" isn't said of Al. Many scripts
 * put no space there.
 */
function beginsWithName(description: string, name: string): boolean {
  return (
    name !== '' &&
    description.startsWith(name) &&
    !/^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{M}\p{N}]/u.test(
      description.slice(name.length),
    )
  );
}
