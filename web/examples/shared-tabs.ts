import { SharedClient } from '@pgfeed/client';

/** All tabs of one browser that name the same user share one connection. */
export function makeClient(tenant: string, user: string): SharedClient {
  const client = new SharedClient({ user: `${tenant}/${user}` });
  client.subscribe('notification:new', ({ data }) => {
    // True in one of the tabs: the one that is looked at.
    if (client.isPresenter) void new Notification(String(data.title));
  });
  return client;
}
