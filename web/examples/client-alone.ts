import { RestApi, SSEClient } from '@pgfeed/client';

/** Prints the history, and then what happens, until the returned function is called. */
export async function follow(baseUrl: string, token: string): Promise<() => void> {
  const access = { baseUrl, getToken: () => token };
  const client = new SSEClient(access);
  client.subscribe('activity:new', ({ data }) => console.log(data.description));
  client.subscribe('notification:new', ({ data }) => console.log(data.title));
  client.onStatus((status) => console.log(status.state));
  client.onReset((reason) => console.log(`something may be missing (${reason}): load again`));

  // The history says where the stream begins, so that nothing is missed or doubled in between.
  const { events, cursor } = await new RestApi(access).listActivity({ limit: 20 });
  for (const { data } of events.toReversed()) console.log(data.description);
  client.connect({ cursor });
  return () => {
    client.disconnect();
    const { uptime, reconnections, duplicates } = client.stats();
    console.log(`live ${uptime * 100} %, ${reconnections} reconnections, ${duplicates} dropped`);
  };
}
