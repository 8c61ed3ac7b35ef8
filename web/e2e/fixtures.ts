import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, type Locator, type Page, test as base } from '@playwright/test';
import { freePort, run, Running } from './process';

/** One database with two gateways on it: the demo's own, and another that can be killed. */
export class World {
  /** The demo's address. */
  readonly demo: string;
  /** The second gateway's address; it stays the same over restarts. */
  readonly second: string;
  readonly #bin: string;
  readonly #databaseUrl: string;
  readonly #secondPort: number;
  #secondProcess: Running | null = null;
  #secondAdmin = '';

  constructor(bin: string, demo: string, databaseUrl: string, secondPort: number) {
    this.#bin = bin;
    this.demo = demo;
    this.#databaseUrl = databaseUrl;
    this.#secondPort = secondPort;
    this.second = `http://127.0.0.1:${secondPort}`;
  }

  async startSecond(): Promise<void> {
    this.#secondAdmin = `127.0.0.1:${await freePort()}`;
    const { process } = await Running.start(
      this.#bin,
      [
        'serve',
        `--database-url=${this.#databaseUrl}`,
        `--http-addr=127.0.0.1:${this.#secondPort}`,
        `--admin-addr=${this.#secondAdmin}`,
      ],
      // It logs where it listens.
      new RegExp(`(${this.#secondPort})`),
    );
    this.#secondProcess = process;
    await expect(async () => {
      expect((await fetch(`${this.second}/readyz`)).status).toBe(200);
    }).toPass();
  }

  async killSecond(): Promise<void> {
    await this.#secondProcess?.stop('SIGKILL');
    this.#secondProcess = null;
  }

  async stopSecond(): Promise<void> {
    await this.#secondProcess?.stop();
  }

  /** How many streams the second gateway has open, as it says itself. */
  async connections(): Promise<number> {
    const metrics = await (await fetch(`http://${this.#secondAdmin}/metrics`)).text();
    const values = [...metrics.matchAll(/^pgfeed_connections(?:\{.*\})? (\d+)$/gm)];
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
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
    { type = 'info', category = 'comment' } = {},
  ): Promise<void> {
    await this.#sql(
      `insert into "notifications" ("tenantId", "userId", type, category, title, body)
       values (${quote(tenant)}, ${quote(user)}, ${quote(type)}, ${quote(category)}, ${quote(title)}, 'By psql')`,
    );
  }

  async #sql(statement: string): Promise<void> {
    await run('psql', [this.#databaseUrl, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-c', statement]);
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** What a test sees of one of the page's panels. */
export class PanelView {
  readonly root: Locator;

  constructor(page: Page, side: 'Left' | 'Right') {
    this.root = page.getByRole('region', { name: `${side} panel` });
  }

  /** The connection indicator. */
  get status(): Locator {
    return this.root.locator('.pgfeed-status');
  }

  get feed(): Locator {
    return this.root.getByRole('feed', { name: 'Activity' });
  }

  get items(): Locator {
    return this.feed.getByRole('article');
  }

  /** What scrolls the feed. */
  get scroller(): Locator {
    return this.root.locator('.panel-feed');
  }

  get badge(): Locator {
    return this.root.getByRole('button', { name: /^Activity,/ });
  }

  get bell(): Locator {
    return this.root.getByRole('button', { name: /^Notifications/ });
  }

  /** The panel that the bell opens. */
  get panel(): Locator {
    return this.root.getByRole('dialog', { name: 'Notifications' });
  }

  get toasts(): Locator {
    return this.root.locator('.pgfeed-toast');
  }

  async useToken(token: string): Promise<void> {
    const field = this.root.getByRole('textbox', { name: 'Session token' });
    if (!(await field.isVisible())) await this.root.getByText('Use a session token').click();
    await field.fill(token);
    await this.root.getByRole('button', { name: 'Use token' }).click();
  }

  /** Waits until it is live, so that an insert from now on is seen as it happens. */
  async isLive(): Promise<void> {
    await expect(this.status).toHaveText('Live');
  }

  /** Makes its network fail in a way that the developer panel offers. */
  async fail(fault: string): Promise<void> {
    await this.#openDeveloperPanel();
    await this.root.getByRole('combobox', { name: 'Network' }).selectOption(fault);
  }

  /** What the developer panel says of one of the client's figures: "Events", "Cuts" … */
  async figure(name: string): Promise<Locator> {
    await this.#openDeveloperPanel();
    return this.root.locator('.stats > div').filter({ hasText: name }).locator('dd');
  }

  async #openDeveloperPanel(): Promise<void> {
    const summary = this.root.locator('summary', { hasText: 'Developer panel' });
    if (!(await this.root.locator('.stats').isVisible())) await summary.click();
  }
}

/** The tests' own `test`: with the world, started once for all of them, and a check of the page's console. */
export const test = base.extend<{ quiet: void }, { world: World }>({
  world: [
    // oxlint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const dir = await mkdtemp(join(tmpdir(), 'pgfeed-e2e-'));
      const bin = process.env.PGFEED_BIN ?? join(dir, 'pgfeed');
      if (process.env.PGFEED_BIN === undefined) {
        await run('go', ['build', '-o', bin, './cmd/pgfeed'], {
          cwd: join(import.meta.dirname, '../..'),
        });
      }
      const { process: demo, found } = await Running.start(
        bin,
        ['demo', '--no-replay', `--http-addr=127.0.0.1:${await freePort()}`],
        /^database: (postgres\S+)$/m,
        /^(http:\/\/\S+)$/m,
      );
      const world = new World(bin, found[1] ?? '', found[0] ?? '', await freePort());
      try {
        await world.startSecond();
        await use(world);
      } finally {
        await world.stopSecond();
        await demo.stop();
        await rm(dir, { recursive: true, force: true });
      }
    },
    { scope: 'worker', timeout: 240_000 },
  ],
  quiet: [
    async ({ context }, use) => {
      const errors: string[] = [];
      context.on('weberror', (error) => errors.push(error.error().message));
      context.on('console', (message) => {
        // A gateway that a test kills makes network errors; a violated policy or a bug makes others.
        if (message.type() === 'error' && !message.text().includes('Failed to load resource')) {
          errors.push(message.text());
        }
      });
      await use();
      expect(errors).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
