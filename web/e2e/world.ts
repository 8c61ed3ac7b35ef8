import { Gateway } from './gateway';
import { run, Running } from './process';

/** One database with two gateways on it: the demo's own, and another that can be killed. */
export class World {
  /** The demo's address. */
  readonly demo: string;
  /** The second gateway's address; it stays the same over restarts. */
  readonly second: string;
  readonly #bin: string;
  readonly #databaseUrl: string;
  readonly #secondPort: number;
  #second: Gateway | null = null;

  constructor(bin: string, demo: string, databaseUrl: string, secondPort: number) {
    this.#bin = bin;
    this.demo = demo;
    this.#databaseUrl = databaseUrl;
    this.#secondPort = secondPort;
    this.second = `http://127.0.0.1:${secondPort}`;
  }

  async startSecond(): Promise<void> {
    this.#second = await this.startGateway([`--http-addr=127.0.0.1:${this.#secondPort}`]);
  }

  /** Starts another gateway on the same database; whoever starts it stops it. */
  startGateway(args: readonly string[] = []): Promise<Gateway> {
    return Gateway.start(this.#bin, [`--database-url=${this.#databaseUrl}`, ...args]);
  }

  /** Starts another demo on the same database, which replays webhooks; whoever starts it stops it. */
  async startDemo(args: readonly string[]): Promise<Running> {
    const { process } = await Running.start(
      this.#bin,
      ['demo', `--database-url=${this.#databaseUrl}`, '--http-addr=127.0.0.1:0', ...args],
      /^(http:\/\/\S+)$/m,
    );
    return process;
  }

  async killSecond(): Promise<void> {
    await this.#second?.stop('SIGKILL');
    this.#second = null;
  }

  async stopSecond(): Promise<void> {
    await this.#second?.stop();
  }

  /** How many streams the second gateway has open. */
  async connections(): Promise<number> {
    return (await this.#second?.connections()) ?? 0;
  }

  /** Makes a session and gives its token. */
  async session(tenant: string, user: string): Promise<string> {
    const { stdout } = await run(this.#bin, [
      'session',
      'create',
      `--database-url=${this.#databaseUrl}`,
      `--tenant=${tenant}`,
      `--user=${user}`,
      '--ttl=1h',
    ]);
    return stdout.trim();
  }

  /** Ends the session of a token. */
  async revoke(token: string): Promise<void> {
    await run(this.#bin, ['session', 'revoke', `--database-url=${this.#databaseUrl}`, token]);
  }

  /** Inserts with psql, as an application would. */
  async insertActivity(tenant: string, description: string): Promise<void> {
    await this.#sql(
      `insert into "activityLogs" ("tenantId", "userId", "userName", action, description)
       values (${quote(tenant)}, 'psql', 'Paula Sequel', 'said', ${quote(description)})`,
    );
  }

  /** Inserts so many in one statement: history, with the time of each a minute before the next. */
  async insertHistory(tenant: string, count: number): Promise<void> {
    await this.#sql(
      `insert into "activityLogs" ("tenantId", "userName", action, description, "createdAt")
       select ${quote(tenant)}, 'Paula Sequel', 'said', 'history ' || n,
              now() - (${count} - n + 1) * interval '1 minute'
         from generate_series(1, ${count}) n`,
    );
  }

  /** Inserts so many, one transaction after the other, over about so many seconds. */
  async insertActivities(tenant: string, count: number, seconds = 1): Promise<void> {
    await this.#sql(
      `do $$ begin for n in 1..${count} loop
         insert into "activityLogs" ("tenantId", "userName", action, description)
         values (${quote(tenant)}, 'Paula Sequel', 'said', 'number ' || n);
         commit;
         perform pg_sleep(${seconds}.0 / ${count});
       end loop; end $$`,
    );
  }

  async insertNotification(
    tenant: string,
    user: string,
    title: string,
    { type = 'info', category = 'comment', body = 'By psql' } = {},
  ): Promise<void> {
    await this.#sql(
      `insert into "notifications" ("tenantId", "userId", type, category, title, body)
       values (${quote(tenant)}, ${quote(user)}, ${quote(type)}, ${quote(category)}, ${quote(title)}, ${quote(body)})`,
    );
  }

  async #sql(statement: string): Promise<void> {
    await run('psql', [this.#databaseUrl, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-c', statement]);
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
