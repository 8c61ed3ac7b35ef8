import type {
  ConnectionStatus,
  NotificationEvent,
  RealtimeClient,
  RealtimeEvent,
  ResetReason,
} from '../client.js';
import { activity, notification } from './scripted-transport.js';

/** A client under test, and the server at its other end. */
export interface ConformanceSubject {
  readonly client: RealtimeClient;
  readonly server: {
    /** Where a client that has everything so far stands. */
    readonly cursor: string;
    publish(...events: readonly RealtimeEvent[]): void;
    /** Sends an event that it has sent before. */
    repeat(event: RealtimeEvent): void;
    reset(reason: ResetReason): void;
    /** Interrupts the connection, however much of one there is; the client may come back. */
    cut(): void;
    /** Lets the session be valid or not from now on. */
    setSession(isValid: boolean): void;
  };
  /** Lets so much time pass that whatever the server did has reached a client that is connected. */
  pass(): Promise<void>;
}

/** One thing that every client does. `run` throws where the client doesn't. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: (subject: ConformanceSubject) => Promise<void>;
}

/**
 * What an implementation of {@link RealtimeClient} must do, whatever the transport, for any test runner:
 * `for (const { name, run } of conformance) it(name, () => run(makeSubject()))`.
 */
export const conformance: readonly ConformanceCase[] = [
  {
    name: 'is closed until it is started, and starts once',
    async run({ client, pass }) {
      same(client.status.state, 'closed');
      same(client.cursor, null);
      same(client.connect(), true);
      same(client.connect({ cursor: 'other' }), false);
      await pass();
      connected(client);
      same(client.cursor === null, false);
      client.disconnect();
      same(client.status.state, 'closed');
    },
  },
  {
    name: 'gives each channel its events, in order, on one connection',
    async run({ client, server, pass }) {
      const got: string[] = [];
      client.subscribe('activity:new', ({ id, type }) => got.push(`${type} ${id}`));
      client.subscribe('notification:read', (event: NotificationEvent) =>
        got.push(`${event.event} ${event.id}`),
      );
      client.connect();
      await pass();
      server.publish(activity('1'), notification('2'), activity('3'));
      server.publish(notification('4', 'notification:read'));
      await pass();
      same(got, ['activity 1', 'activity 3', 'notification:read 4']);
    },
  },
  {
    name: 'delivers nothing twice',
    async run({ client, server, pass }) {
      const got = ids(client);
      client.connect();
      await pass();
      server.publish(activity('1'), activity('2'));
      await pass();
      server.repeat(activity('1'));
      server.publish(activity('3'));
      await pass();
      same(got, ['1', '2', '3']);
    },
  },
  {
    name: 'begins where it is told, without a gap',
    async run({ client, server, pass }) {
      const got = ids(client);
      server.publish(activity('1'));
      const { cursor } = server;
      server.publish(activity('2'));
      client.connect({ cursor });
      await pass();
      server.publish(activity('3'));
      await pass();
      same(got, ['2', '3']);
      same(client.cursor, server.cursor);
    },
  },
  {
    name: 'brings what happened while it was cut off',
    async run({ client, server, pass }) {
      const got = ids(client);
      client.connect();
      await pass();
      server.publish(activity('1'));
      await pass();
      server.cut();
      server.publish(activity('2'));
      await pass();
      connected(client);
      server.publish(activity('3'));
      await pass();
      same(got, ['1', '2', '3']);
    },
  },
  {
    name: 'brings what happened between disconnect and connect, and nothing meanwhile',
    async run({ client, server, pass }) {
      const got = ids(client);
      client.connect();
      await pass();
      client.disconnect();
      server.publish(activity('1'));
      await pass();
      same(got, []);
      client.connect();
      await pass();
      same(got, ['1']);
    },
  },
  {
    name: 'stops within a delivery when a listener disconnects, and brings the rest after connect',
    async run({ client, server, pass }) {
      const got = ids(client);
      const { cursor } = server;
      const stop = client.subscribe('activity:new', () => client.disconnect());
      server.publish(activity('1'), activity('2'), activity('3'));
      client.connect({ cursor });
      await pass();
      same(got, ['1']);
      same(client.status.state, 'closed');
      stop();
      client.connect();
      await pass();
      same(got, ['1', '2', '3']);
      same(client.cursor, server.cursor);
    },
  },
  {
    name: 'says when something may be missing, and goes on',
    async run({ client, server, pass }) {
      const got = ids(client);
      const resets: ResetReason[] = [];
      client.onReset((reason) => resets.push(reason));
      client.connect();
      await pass();
      server.reset('expired');
      await pass();
      server.publish(activity('1'));
      await pass();
      same(resets, ['expired']);
      same(got, ['1']);
      connected(client);
    },
  },
  {
    name: 'stops when the session is over, until it is started again',
    async run({ client, server, pass }) {
      const got = ids(client);
      client.connect();
      await pass();
      server.setSession(false);
      server.cut();
      await pass();
      same(client.status, { state: 'unauthorized', reason: 'session' });
      server.setSession(true);
      server.publish(activity('1'));
      await pass();
      same(client.status.state, 'unauthorized');
      same(client.connect(), true);
      await pass();
      connected(client);
      same(got, ['1']);
    },
  },
  {
    name: 'lets listeners come and go at any time',
    async run({ client, server, pass }) {
      const kept = ids(client);
      const gone: string[] = [];
      const push = ({ id }: RealtimeEvent) => void gone.push(id);
      const stop = client.subscribe('activity:new', push);
      client.subscribe('activity:new', push);
      client.connect();
      await pass();
      server.publish(activity('1'));
      await pass();
      same(gone, ['1']);
      stop();
      stop();
      server.publish(activity('2'));
      await pass();
      client.unsubscribe('activity:new');
      server.publish(activity('3'));
      await pass();
      const late = ids(client);
      server.publish(activity('4'));
      await pass();
      same([kept, gone, late], [['1', '2'], ['1'], ['4']]);
    },
  },
  {
    name: 'tells of each change of its status, and keeps the same object in between',
    async run({ client, server, pass }) {
      const told: ConnectionStatus[] = [];
      const stop = client.onStatus((status) => {
        same(client.status === status, true);
        told.push(status);
      });
      client.connect();
      await pass();
      same(client.status === client.status, true);
      same(told.at(-1) === client.status, true);
      const { status } = client;
      server.publish(activity('1'));
      await pass();
      same(client.status === status || status.state !== 'live', true);
      stop();
      const before = told.length;
      client.disconnect();
      same(told.length, before);
    },
  },
  {
    name: 'counts what it did',
    async run({ client, server, pass }) {
      ids(client);
      client.connect();
      await pass();
      server.publish(activity('1'), notification('2'));
      server.reset('overflow');
      await pass();
      const { events, resets, startedMs, liveMs, uptime } = client.stats();
      same([events, resets], [2, 1]);
      same(liveMs <= startedMs, true);
      same(uptime >= 0 && uptime <= 1, true);
    },
  },
  {
    name: 'presents where nobody else does',
    async run({ client, pass }) {
      client.connect();
      await pass();
      same(client.isPresenter, true);
    },
  },
];

function ids(client: RealtimeClient): string[] {
  const got: string[] = [];
  client.subscribe('activity:new', ({ id }) => got.push(id));
  return got;
}

function connected({ status }: RealtimeClient): void {
  if (status.state !== 'live' && status.state !== 'polling') same(status.state, 'live or polling');
}

function same(got: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`got ${a}, wanted ${b}`);
}
