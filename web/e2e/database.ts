import { Gateway } from './gateway';
import { run, Running } from './process';

/** A migrated database, and what an application does in it. */
export class Database {
  readonly url: string;
  readonly #bin: string;

  /** `bin` is the pgfeed to use. */
  constructor(bin: string, url: string) {
    this.#bin = bin;
    this.url = url;
  }

  /** Makes another on the same server. */
  async createDatabase(name: string): Promise<Database> {
    await this.#sql(`create database ${name}`);
    const url = new URL(this.url);
    url.pathname = `/${name}`;
    const created = new Database(this.#bin, url.href);
    await created.command('migrate', 'up');
    return created;
  }

  /** Runs pgfeed on it and gives what it printed. The command may have two words; flags come after. */
  async command(...args: readonly string[]): Promise<string> {
    const { stdout } = await run(this.#bin, [...args, `--database-url=${this.url}`]);
    return stdout;
  }

  /** Starts a gateway on it; whoever starts it stops it. */
  startGateway(...args: readonly string[]): Promise<Gateway> {
    return Gateway.start(this.#bin, [`--database-url=${this.url}`, ...args]);
  }

  /** Starts a demo on it, which replays webhooks; whoever starts it stops it. */
  async startDemo(...args: readonly string[]): Promise<Running> {
    const { process } = await Running.start(
      this.#bin,
      ['demo', `--database-url=${this.url}`, '--http-addr=127.0.0.1:0', ...args],
      /^(http:\/\/\S+)$/m,
    );
    return process;
  }

  /** Makes a session and gives its token. */
  async session(tenant: string, user: string): Promise<string> {
    const created = await this.command(
      'session',
      'create',
      `--tenant=${tenant}`,
      `--user=${user}`,
      '--ttl=1h',
    );
    return created.trim();
  }

  /** Ends the session of a token. */
  async revoke(token: string): Promise<void> {
    await this.command('session', 'revoke', token);
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
    await run('psql', [this.url, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-c', statement]);
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
