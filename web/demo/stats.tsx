import { useSyncExternalStore } from 'react';
import { useConnectionStatus, usePgfeed } from '@pgfeed/react';

const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });
const count = new Intl.NumberFormat('en');

/** What the client has counted, each second anew. */
export function Stats() {
  const { client, seconds } = usePgfeed();
  const status = useConnectionStatus();
  useSyncExternalStore(seconds.subscribe, seconds.now, seconds.now);
  const stats = client.stats();
  const rows: readonly (readonly [string, string])[] = [
    ['State', status.state],
    ['Live', percent.format(stats.uptime)],
    ['Connections', `${stats.connections} (${stats.failures} failed)`],
    ['Cuts', `${stats.cuts} (${stats.firstTryReconnections} mended at the first try)`],
    ['Events', `${count.format(stats.events)} (${stats.duplicates} dropped as duplicates)`],
    ['Resets', count.format(stats.resets)],
    ['Toast and sound', client.isPresenter ? 'in this tab' : 'in another tab'],
    ['Cursor', client.cursor ?? 'none'],
  ];
  return (
    <dl className="stats">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
