import { useState } from 'react';
import { type NotificationType, usePgfeed } from '@pgfeed/react';
import { insertActivity, insertNotification } from './demo-api.js';
import type { Fault, FaultyNetwork } from './faults.js';
import { Stats } from './stats.js';

const TASKS = ['Review the budget', 'Write the release notes', 'Call the customer back'];
let made = 0;

/** Makes things happen, and shows how the client fares: for whoever builds on it. */
export function DeveloperPanel({
  token,
  isDemo,
  network,
}: {
  token: string;
  isDemo: boolean;
  network: FaultyNetwork;
}) {
  const { client } = usePgfeed();
  const [error, setError] = useState<string | null>(null);
  const run = (work: () => Promise<void>) => {
    setError(null);
    work().catch((reason: unknown) =>
      setError(reason instanceof Error ? reason.message : 'That failed.'),
    );
  };
  const notify = (type: NotificationType, category: string, title: string, body: string) =>
    insertNotification(token, { type, category, title, body });
  return (
    <details className="developer">
      <summary>Developer panel</summary>
      {isDemo && (
        <>
          <h3>Insert rows</h3>
          <div className="row">
            <DemoButton
              onClick={() =>
                run(async () => {
                  for (let n = 1; n <= 3; n++) {
                    made++;
                    await insertActivity(token, `Activity number ${made}`);
                  }
                })
              }
            >
              3 activities
            </DemoButton>
            <DemoButton
              onClick={() =>
                run(() => notify('success', 'release', 'Version 2 is out', 'All is well.'))
              }
            >
              A notification
            </DemoButton>
            <DemoButton
              onClick={() =>
                run(async () => {
                  for (const task of TASKS) await notify('info', 'task_assigned', task, '');
                })
              }
            >
              3 tasks for me
            </DemoButton>
            <DemoButton
              onClick={() =>
                run(() =>
                  notify(
                    'urgent',
                    'incident',
                    'Payments are failing',
                    'Error rate at 12 % since 09:41.',
                  ),
                )
              }
            >
              Something urgent
            </DemoButton>
          </div>
        </>
      )}
      {error !== null && (
        <p className="problem" role="alert">
          {error}
        </p>
      )}
      <h3>Break something</h3>
      <div className="row">
        <FaultSelect network={network} />
        <DemoButton onClick={() => network.cut()}>Cut the stream</DemoButton>
        <DemoButton onClick={() => client.disconnect()}>Disconnect</DemoButton>
        <DemoButton onClick={() => void client.connect()}>Connect</DemoButton>
      </div>
      <h3>Figures</h3>
      <Stats />
    </details>
  );
}

const faults: Record<Fault, string> = {
  none: 'Nothing fails',
  stream: 'Streams fail',
  silence: 'A proxy swallows streams',
  writes: 'Writes fail',
  everything: 'No network',
};

function FaultSelect({ network }: { network: FaultyNetwork }) {
  const [fault, setFault] = useState(network.fault);
  return (
    <select
      aria-label="Network"
      value={fault}
      onChange={(event) => {
        const next = event.target.value as Fault;
        network.set(next);
        setFault(next);
      }}
    >
      {Object.entries(faults).map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
}

function DemoButton({ onClick, children }: { onClick: () => void; children: string }) {
  return (
    <button type="button" className="demo-button" onClick={onClick}>
      {children}
    </button>
  );
}
