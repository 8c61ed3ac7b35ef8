import { expect } from '@playwright/test';
import { freePort, Running } from './process';

/** A gateway, and how it fares by its own account. */
export class Gateway {
  readonly address: string;
  readonly #process: Running;
  readonly #admin: string;

  private constructor(process: Running, address: string, admin: string) {
    this.#process = process;
    this.address = address;
    this.#admin = admin;
  }

  /** Starts one and waits until it is ready. `args` may choose the address. */
  static async start(bin: string, args: readonly string[]): Promise<Gateway> {
    const chosen = args.find((arg) => arg.startsWith('--http-addr='))?.split('=')[1];
    const http = chosen ?? `127.0.0.1:${await freePort()}`;
    const admin = `127.0.0.1:${await freePort()}`;
    const { process } = await Running.start(
      bin,
      [
        'serve',
        ...(chosen === undefined ? [`--http-addr=${http}`] : []),
        `--admin-addr=${admin}`,
        ...args,
      ],
      // It logs where it listens.
      new RegExp(`(${http.split(':')[1]})`),
    );
    await expect(async () => {
      expect((await fetch(`http://${http}/readyz`)).status).toBe(200);
    }).toPass({ timeout: 60_000 });
    return new Gateway(process, `http://${http}`, `http://${admin}`);
  }

  /** How many streams it has open. */
  async connections(): Promise<number> {
    const metrics = await (await fetch(`${this.#admin}/metrics`)).text();
    const values = [...metrics.matchAll(/^pgfeed_connections(?:\{.*\})? (\d+)$/gm)];
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  /** Ends it; a kill gives it no time to say goodbye. */
  stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    return this.#process.stop(signal);
  }
}
