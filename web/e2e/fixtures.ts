import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test as base } from '@playwright/test';
import { FaultProxy } from './fault-proxy';
import { PanelView } from './panel-view';
import { freePort, run, Running } from './process';
import { World } from './world';

/** The tests' own `test`: with the world, started once for all of them, a faulty way to its second gateway,
 * and a check of the page's console. */
export const test = base.extend<{ quiet: void; faults: FaultProxy }, { world: World }>({
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
  faults: async ({ world }, use) => {
    const faults = await FaultProxy.start(world.second);
    await use(faults);
    await faults.stop();
  },
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

export { expect, PanelView, type World };
