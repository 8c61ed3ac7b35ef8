import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'e2e',
  // `npm run screenshots` makes the pictures of the README, and is no test.
  testIgnore: process.env.PGFEED_SCREENSHOTS ? [] : '**/screenshots.spec.ts',
  outputDir: 'test-results/artifacts',
  // The tests share one database and stop and start its gateways.
  workers: 1,
  fullyParallel: false,
  forbidOnly: Boolean(process.env.CI),
  // A machine that is busy with other things may be too slow for a page; what passes at the second try is listed as flaky.
  retries: 1,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  use: {
    browserName: 'chromium',
    viewport: { width: 1280, height: 900 },
    // Without the pictures of each step, which take longer than the steps.
    trace: { mode: 'retain-on-failure', screenshots: false },
    launchOptions: {
      // Debian's browser: the one that Playwright would fetch isn't needed.
      executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
