import { expect, type Locator, type Page } from '@playwright/test';

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
    // It is opened already where there is no demo to log in to, which the page only finds out.
    await expect(async () => {
      if (!(await field.isVisible())) await this.root.getByText('Use a session token').click();
      await field.fill(token, { timeout: 1_000 });
    }).toPass();
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
