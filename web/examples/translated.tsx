import type { RealtimeClient, RestApi } from '@pgfeed/client';
import {
  ActivityFeed,
  english,
  german,
  type Messages,
  PgfeedProvider,
  plural,
} from '@pgfeed/react';

// All texts are in one object, so that what is missing in a language is an error of the types.
const friendly: Messages = {
  ...english,
  feed: {
    ...english.feed,
    empty: 'Quiet so far',
    newActivities: (count) => plural('en', count, { one: 'One more', other: '# more' }),
  },
};

export function Feed(props: { client: RealtimeClient; api: RestApi; language: 'en' | 'de' }) {
  return (
    <PgfeedProvider
      client={props.client}
      api={props.api}
      messages={props.language === 'de' ? german : friendly}
    >
      <ActivityFeed className="my-feed" />
    </PgfeedProvider>
  );
}
