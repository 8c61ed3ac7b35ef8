import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

/** Runs a program to its end and gives what it printed. */
export const run = promisify(execFile);

/** A program that was started and says on its own when it is ready. */
export class Running {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #output = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('close', () => resolve()));
  }

  /** Starts a program and waits until it has printed what `pattern` matches, on stdout or stderr. */
  static async start(
    command: string,
    args: readonly string[],
    ...patterns: readonly RegExp[]
  ): Promise<{ process: Running; found: readonly string[] }> {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const running = new Running(child);
    const found = await new Promise<readonly string[]>((resolve, reject) => {
      const onData = (chunk: Buffer) => {
        running.#output += chunk.toString();
        const matches = patterns.map((pattern) => pattern.exec(running.#output)?.[1]);
        if (matches.every((match) => match !== undefined)) resolve(matches);
      };
      child.stdout?.on('data', onData);
      child.stderr?.on('data', onData);
      child.once('error', reject);
      child.once('close', (code) =>
        reject(new Error(`${command} ${args.join(' ')} ended (${code}):\n${running.#output}`)),
      );
    });
    return { process: running, found };
  }

  /** Everything printed so far. */
  get output(): string {
    return this.#output;
  }

  /** Ends it, and waits until it has ended. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    await this.#exited;
  }
}

/** A TCP port that nobody uses. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
