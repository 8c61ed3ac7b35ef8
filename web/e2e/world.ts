import { Database } from './database';
import type { Gateway } from './gateway';

/** One database with two gateways on it: the demo's own, and another that can be killed. */
export class World extends Database {
  /** The demo's address. */
  readonly demo: string;
  /** The second gateway's address; it stays the same over restarts. */
  readonly second: string;
  readonly #secondPort: number;
  #second: Gateway | null = null;

  constructor(bin: string, demo: string, databaseUrl: string, secondPort: number) {
    super(bin, databaseUrl);
    this.demo = demo;
    this.#secondPort = secondPort;
    this.second = `http://127.0.0.1:${secondPort}`;
  }

  async startSecond(): Promise<void> {
    this.#second = await this.startGateway(`--http-addr=127.0.0.1:${this.#secondPort}`);
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
}
