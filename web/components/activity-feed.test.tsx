// @vitest-environment jsdom
import { act, cleanup, fireEvent, screen, within } from '@testing-library/react';
import { StrictMode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { activity } from '@pgfeed/client/testing';
import { ActivityBadge } from './activity-badge.js';
import { ActivityFeed } from './activity-feed.js';
import { BrowserSettings } from './settings.js';
import { TestWorld } from './test-world.js';
import { InViewStub } from './testing-in-view.js';

let world: TestWorld;

beforeEach(() => {
  world = new TestWorld();
  InViewStub.observers = [];
  vi.stubGlobal('IntersectionObserver', InViewStub);
  Element.prototype.scrollIntoView = () => {};
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const feed = () => screen.getByRole('feed', { name: 'Activity' });

function shown(): (string | null)[] {
  return within(feed())
    .queryAllByRole('article')
    .map((article) => article.querySelector('.pgfeed-item-text')?.textContent ?? null);
}

const page = (ids: readonly string[], before: string | null = null) => ({
  events: ids.map((id) => activity(id)),
  cursor: `c${ids[0] ?? ''}`,
  before,
});

async function loaded(ids: readonly string[], before: string | null = null) {
  world.render(
    <>
      <ActivityBadge onOpen={() => {}} />
      <ActivityFeed />
    </>,
  );
  await world.answer('/api/activity', page(ids, before));
  return world.open();
}

const tell = (where: 'visible' | 'above') => act(() => InViewStub.tell('.pgfeed-feed-top', where));

describe('ActivityFeed', () => {
  it('loads history, goes on live from its cursor, and puts new ones on top', async () => {
    world.render(<ActivityFeed />);
    expect(screen.getByText('Loading activities…')).toBeTruthy();
    expect(feed().getAttribute('aria-busy')).toBe('true');
    await world.answer('/api/activity', page(['2', '1']));
    expect(shown()).toEqual(['did 2', 'did 1']);
    expect(feed().getAttribute('aria-busy')).toBe('false');

    const request = world.next('/api/activity/stream');
    expect(request.headers.get('Last-Event-ID')).toBe('c2');
    const stream = request.stream();
    stream.hello('c2');
    stream.activity('2');
    stream.activity('3', 'c3');
    await world.step();
    expect(shown()).toEqual(['did 3', 'did 2', 'did 1']);
  });

  it('shows text as text', async () => {
    const { container } = world.render(<ActivityFeed />);
    const text = '<img src=x onerror=alert(1)>';
    await world.answer('/api/activity', {
      events: [activity('1', text)],
      cursor: 'c',
      before: null,
    });
    expect(shown()).toEqual([text]);
    expect(container.querySelector('img')).toBeNull();
  });

  it('works out no times and no initials again when the list moves on', async () => {
    const stream = await loaded(['3', '2', '1']);
    const initials = vi.spyOn(Intl.Segmenter.prototype, 'segment');
    const times = vi.spyOn(Date.prototype, 'toLocaleString');
    stream.activity('4');
    await world.step();
    expect(shown()).toHaveLength(4);
    expect(initials.mock.calls.length).toBeLessThanOrEqual(2);
    expect(times).not.toHaveBeenCalled();
  });

  it('says who it was where the description begins with a word that only begins like their name', async () => {
    world.render(<ActivityFeed />);
    const { data, ...rest } = activity('1', 'Alice was invited');
    const events = [{ ...rest, data: { ...data, userName: 'Al' } }];
    await world.answer('/api/activity', { events, cursor: 'c', before: null });
    expect(document.querySelector('.pgfeed-item-text strong')).toBeNull();
    expect(document.querySelector('.pgfeed-item-user')?.textContent).toBe('Al');
  });

  it('says that there is nothing yet', async () => {
    await loaded([]);
    expect(screen.getByText('No activity yet')).toBeTruthy();
  });

  it('says one thing to who is signed out', async () => {
    world.render(<ActivityFeed />);
    await world.answer('/api/activity', { title: 'x', detail: 'No session.' }, 401);
    await world.answer('/api/activity/stream', { title: 'x', detail: 'No session.' }, 401);
    await world.step();
    expect(screen.getByText('Your session has ended. Sign in again to go on.')).toBeTruthy();
    expect(screen.queryByText('The activities could not be loaded.')).toBeNull();
  });

  it('says what went wrong, and loads again by hand', async () => {
    world.render(<ActivityFeed />);
    await world.answer('/api/activity', { title: 'x', detail: 'The database is away.' }, 503);
    expect(screen.getByRole('alert').textContent).toContain('The database is away.');
    world.next('/api/activity/stream').fail();
    await world.step();
    const retry = screen.getByRole('button', { name: 'Try again' });
    act(() => retry.focus());
    fireEvent.click(retry);
    expect(retry.isConnected).toBe(false);
    expect(document.activeElement).toBe(feed());
    await world.answer('/api/activity', page(['1']));
    expect(screen.queryByRole('alert')).toBeNull();
    expect(shown()).toEqual(['did 1']);
    // The client has no place to go on from yet; that is no reason to look as if it were still loading.
    expect(feed().getAttribute('aria-busy')).toBe('false');
    await world.advance(1_000);
    await world.open('c9');
    await world.answer('/api/activity', page(['2', '1']));
    expect(shown()).toEqual(['did 2', 'did 1']);
  });

  it('keeps the focus of who was about to load again by hand when it is loaded without', async () => {
    world.render(<ActivityFeed />);
    await world.step();
    world.next('/api/activity').fail();
    await world.step();
    act(() => screen.getByRole('button', { name: 'Try again' }).focus());
    await world.open('c9');
    await world.answer('/api/activity', page(['1']));
    expect(screen.queryByRole('button', { name: 'Try again' })).toBeNull();
    expect(document.activeElement).toBe(feed());
  });

  it('says that it is offline where it has nothing, and not that nothing happened', async () => {
    await loaded([]);
    window.dispatchEvent(new Event('offline'));
    await world.step();
    expect(screen.queryByText('No activity yet')).toBeNull();
    expect(screen.getByText('Nothing to show while offline')).toBeTruthy();
    window.dispatchEvent(new Event('online'));
    await world.open();
    expect(screen.getByText('No activity yet')).toBeTruthy();
  });

  it('loads again by itself when the connection comes after a failure', async () => {
    world.render(<ActivityFeed />);
    await world.step();
    world.next('/api/activity').fail();
    await world.open('c9');
    await world.answer('/api/activity', page(['1']));
    expect(shown()).toEqual(['did 1']);
  });

  it('reloads after a reset and keeps what arrives meanwhile', async () => {
    const stream = await loaded(['1']);
    stream.frame('reset', { reason: 'expired' });
    stream.activity('9', 'c9');
    await world.answer('/api/activity', page(['8', '1']));
    expect(shown()).toEqual(['did 9', 'did 8', 'did 1']);
  });

  it('loads once more when it was asked for before a client began elsewhere', async () => {
    world.render(<ActivityFeed />);
    await world.step();
    world.client.connect({ cursor: 'later' });
    await world.step();
    world.next('/api/activity').json(page(['1']));
    await world.open('later');
    await world.answer('/api/activity', page(['2', '1']));
    expect(shown()).toEqual(['did 2', 'did 1']);
    expect(world.transport.waiting).toBe(0);
  });

  it('shows nothing twice under StrictMode', async () => {
    world.render(
      <StrictMode>
        <ActivityFeed />
      </StrictMode>,
    );
    // The first of the two mounts gave up before it asked.
    await world.answer('/api/activity', page([]));
    const stream = await world.open();
    stream.activity('1');
    await world.step();
    expect(shown()).toEqual(['did 1']);
    expect(world.transport.waiting).toBe(0);
  });
});

describe('a history that cannot be loaded', () => {
  const away = { title: 'x', detail: 'Away.' };

  it('is asked for again while the connection is there, less and less often', async () => {
    const stream = await loaded(['1']);
    stream.frame('reset', { reason: 'expired' });
    for (const pause of [1_000, 2_000, 4_000]) {
      await world.answer('/api/activity', away, 503);
      expect(screen.getByRole('alert').textContent).toContain('Away.');
      await world.advance(pause / 2 - 1);
      expect(world.transport.waiting).toBe(0);
      await world.advance(pause / 2 + 1);
    }
    await world.answer('/api/activity', page(['2', '1']));
    expect(screen.queryByRole('alert')).toBeNull();
    expect(shown()).toEqual(['did 2', 'did 1']);
    await world.advance(60_000);
    expect(world.transport.requests.filter(({ url }) => url.includes('limit'))).toHaveLength(5);
  });

  it('is left alone for as long as the server asks', async () => {
    const stream = await loaded(['1']);
    stream.frame('reset', { reason: 'expired' });
    await world.answer('/api/activity', away, 429, { 'Retry-After': '20' });
    await world.advance(19_999);
    expect(world.transport.waiting).toBe(0);
    await world.advance(2_001);
    await world.answer('/api/activity', page(['2', '1']));
    expect(shown()).toEqual(['did 2', 'did 1']);
  });

  it.each([400, 401, 403, 404])(
    'is not asked for again where it is refused with %d, until it connects anew',
    async (status) => {
      const stream = await loaded(['1']);
      stream.frame('reset', { reason: 'expired' });
      await world.answer('/api/activity', away, status);
      await world.advance(40_000);
      expect(world.transport.waiting).toBe(0);
      stream.break();
      await world.advance(1_000);
      await world.open();
      await world.answer('/api/activity', page(['2', '1']));
      expect(shown()).toEqual(['did 2', 'did 1']);
    },
  );

  it('is not waited for once nobody looks', async () => {
    const stream = await loaded(['1']);
    stream.frame('reset', { reason: 'expired' });
    await world.answer('/api/activity', away, 503);
    cleanup();
    await world.step();
    expect(world.clock.pending).toBe(0);
  });
});

describe('a feed after somebody else has signed in', () => {
  const unchanged = () => {
    expect(world.client.status).toEqual({ state: 'unauthorized', reason: 'identity' });
    expect(world.transport.waiting).toBe(0);
    expect(shown()).toEqual(['did 2', 'did 1']);
  };

  it('loads nothing older of theirs', async () => {
    const stream = await loaded(['2', '1'], '1');
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.step();
    const older = world.next('/api/activity');
    await world.changeUser(stream);
    older.json(page(['0']));
    await world.step();
    unchanged();

    expect(screen.queryByRole('button', { name: 'Show older' })).toBeNull();
    screen.getAllByRole('article')[1]?.focus();
    fireEvent.keyDown(document.activeElement as Element, { key: 'PageDown' });
    await world.step();
    unchanged();
  });

  it('loads nothing older of theirs before their list, when the page goes on as them', async () => {
    // At once, before the components hear of it.
    world.client.onStatus((status) => {
      if (status.state === 'unauthorized') world.client.connect();
    });
    const stream = await loaded(['2', '1'], '1');
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.step();
    const older = world.next('/api/activity');
    await world.changeUser(stream);
    const theirs = world.next('/api/activity/stream').stream();
    older.json(page(['0']));
    await world.step();
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.step();
    expect(world.transport.waiting).toBe(0);
    expect(shown()).toEqual(['did 2', 'did 1']);

    theirs.hello('c8');
    await world.step();
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.answer('/api/activity?', page(['8'], '8'));
    expect(world.transport.waiting).toBe(0);
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.answer('/api/activity?', page(['7']));
    expect(shown()).toEqual(['did 8', 'did 7']);
  });

  it('shows nothing of a reload that was under way', async () => {
    const stream = await loaded(['2', '1']);
    stream.frame('reset', { reason: 'expired' });
    await world.step();
    const reload = world.next('/api/activity');
    await world.changeUser(stream);
    reload.json(page(['9']));
    await world.step();
    unchanged();
  });

  it('neither loads nor connects by itself when it is shown again', async () => {
    const { rerender } = world.render(<ActivityFeed />);
    await world.answer('/api/activity', page(['2', '1']));
    await world.changeUser(await world.open());
    rerender(world.wrap(null));
    rerender(world.wrap(<ActivityFeed />));
    await world.advance(60_000);
    unchanged();
    act(() => world.client.disconnect());
    await world.step();
    expect(world.transport.waiting).toBe(0);

    // Only when the page goes on as them.
    act(() => void world.client.connect());
    await world.step();
    expect(screen.queryByRole('alert')).toBeNull();
    expect(feed().getAttribute('aria-busy')).toBe('true');
    await world.open('c8');
    // The one that was asked for before it had its place is given up.
    world.next('/api/activity?');
    await world.answer('/api/activity?', page(['8']));
    expect(shown()).toEqual(['did 8']);
    expect(world.transport.waiting).toBe(0);
  });
});

describe('what comes while the reader is further down', () => {
  it('waits behind a button that says how much, and takes them there', async () => {
    const stream = await loaded(['2', '1']);
    tell('above');
    for (const id of ['3', '4', '5']) stream.activity(id);
    await world.step();
    expect(shown()).toEqual(['did 2', 'did 1']);
    const button = screen.getByRole('button', { name: '3 new activities' });
    await world.advance(2_000);
    expect(button.parentElement?.querySelector('[role=status]')?.textContent).toBe(
      '3 new activities',
    );

    fireEvent.click(button);
    expect(shown()).toEqual(['did 5', 'did 4', 'did 3', 'did 2', 'did 1']);
    expect(screen.queryByRole('button', { name: /new activit/ })).toBeNull();
    await vi.waitFor(() => expect(document.activeElement).toBe(screen.getAllByRole('article')[0]));
    // Until they have arrived at the top, what comes goes on waiting.
    stream.activity('6');
    await world.step();
    expect(screen.getByRole('button', { name: '1 new activity' })).toBeTruthy();
  });

  it('is not announced one by one', async () => {
    const stream = await loaded(['1']);
    tell('above');
    const region = document.querySelector('.pgfeed-new [role=status]');
    const said = new Set<string | null | undefined>();
    for (let id = 2; id <= 21; id++) {
      stream.activity(String(id));
      await world.advance(50);
      said.add(region?.textContent);
    }
    expect([...said]).toEqual(['']);
    await world.advance(2_000);
    expect(region?.textContent).toBe('20 new activities');
    tell('visible');
    expect(region?.textContent).toBe('');
  });

  it('takes nothing away from them, however much it is', async () => {
    const stream = await loaded(['2', '1']);
    tell('above');
    for (let id = 3; id <= 1_202; id++) stream.activity(String(id));
    await world.step();
    expect(shown()).toEqual(['did 2', 'did 1']);
    expect(screen.getByRole('button', { name: '1,200 new activities' })).toBeTruthy();
  });

  it('goes on waiting above a list that was loaded anew', async () => {
    const stream = await loaded(['1']);
    tell('above');
    stream.frame('reset', { reason: 'expired' });
    await world.answer('/api/activity', page(['9', '8']));
    expect(shown()).toEqual(['did 9', 'did 8']);
    stream.activity('10');
    await world.step();
    expect(shown()).toEqual(['did 9', 'did 8']);
    expect(screen.getByRole('button', { name: '1 new activity' })).toBeTruthy();
  });

  it('is shown when they scroll back up', async () => {
    const stream = await loaded(['1']);
    tell('above');
    stream.activity('2');
    await world.step();
    tell('visible');
    expect(shown()).toEqual(['did 2', 'did 1']);
    expect(screen.queryByRole('button', { name: /new activit/ })).toBeNull();
  });

  it('waits too while they read with the keyboard', async () => {
    const stream = await loaded(['1']);
    const article = screen.getAllByRole('article')[0] as HTMLElement;
    act(() => article.focus());
    stream.activity('2');
    await world.step();
    expect(shown()).toEqual(['did 1']);
    act(() => article.blur());
    expect(shown()).toEqual(['did 2', 'did 1']);
  });
});

describe('older activities', () => {
  it('load when the end comes into view', async () => {
    await loaded(['3'], '3');
    act(() => InViewStub.tell('.pgfeed-older *', 'visible'));
    const request = await world.answer('/api/activity', page(['2'], '2'));
    expect(request.url).toContain('before=3');
    expect(shown()).toEqual(['did 3', 'did 2']);
    expect(world.transport.waiting).toBe(0);
    // Still in view: the next page.
    act(() => InViewStub.tell('.pgfeed-older *', 'visible'));
    await world.answer('/api/activity', page(['1']));
    expect(shown()).toEqual(['did 3', 'did 2', 'did 1']);
    expect(screen.queryByRole('button', { name: 'Show older' })).toBeNull();
    expect(screen.getByText('That is everything.')).toBeTruthy();
  });

  it('can be asked for again when a reload has come between and failed', async () => {
    const stream = await loaded(['2'], '2');
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.step();
    world.next('/api/activity');
    stream.frame('reset', { reason: 'expired' });
    await world.answer('/api/activity', { title: 'x', detail: 'Away.' }, 503);
    const button = screen.getByRole('button', { name: 'Show older' });
    expect(button.getAttribute('aria-disabled')).toBe('false');
    fireEvent.click(button);
    await world.answer('/api/activity', page(['1']));
    expect(shown()).toEqual(['did 2', 'did 1']);
  });

  it('do not go below a list that was loaded meanwhile', async () => {
    const stream = await loaded(['2'], '2');
    stream.frame('reset', { reason: 'expired' });
    await world.step();
    const reload = world.next('/api/activity');
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.step();
    const older = world.next('/api/activity');
    reload.json(page(['9', '8'], '8'));
    await world.step();
    older.json(page(['1']));
    await world.step();
    expect(shown()).toEqual(['did 9', 'did 8']);
    expect(screen.getByRole('button', { name: 'Show older' })).toBeTruthy();
  });

  it('load by hand too, and again after a failure', async () => {
    await loaded(['2'], '2');
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    expect(feed().getAttribute('aria-busy')).toBe('true');
    await world.answer('/api/activity', { title: 'x', detail: 'Away.' }, 503);
    expect(screen.getByText('Older activities could not be loaded. Away.')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.answer('/api/activity', page(['1']));
    expect(shown()).toEqual(['did 2', 'did 1']);
  });
});

describe('the ARIA pattern for feeds', () => {
  const press = (key: string, ctrlKey = false) =>
    fireEvent.keyDown(document.activeElement as Element, { key, ctrlKey });

  it('numbers and names the articles; the size is unknown while there are older ones', async () => {
    await loaded(['2', '1'], '1');
    const articles = screen.getAllByRole('article');
    expect(articles.map((article) => article.getAttribute('aria-posinset'))).toEqual(['1', '2']);
    expect(articles.map((article) => article.getAttribute('aria-setsize'))).toEqual(['-1', '-1']);
    expect(screen.getByRole('article', { name: 'did 2' })).toBe(articles[0]);

    fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
    await world.answer('/api/activity', page([]));
    expect(
      screen.getAllByRole('article').map((article) => article.getAttribute('aria-setsize')),
    ).toEqual(['2', '2']);
  });

  it('moves between articles with Page Down and Page Up, and loads more at the end', async () => {
    await loaded(['2', '1'], '1');
    const [first, second] = screen.getAllByRole('article');
    first?.focus();
    press('PageDown');
    expect(document.activeElement).toBe(second);
    press('PageUp');
    expect(document.activeElement).toBe(first);
    press('PageUp');
    expect(document.activeElement).toBe(first);
    press('PageDown');
    press('PageDown');
    await world.step();
    expect(world.next('/api/activity').url).toContain('before=1');
  });

  it('leaves the feed with Control+End and Control+Home', async () => {
    await loaded(['2', '1'], '1');
    const [first] = screen.getAllByRole('article');
    first?.focus();
    press('End', true);
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Show older' }));
    first?.focus();
    press('Home', true);
    expect(document.activeElement).toBe(screen.getByRole('button', { name: /^Activity/ }));
  });
});

describe('ActivityBadge', () => {
  const badge = () => screen.getByRole('button', { name: /^Activity/ });

  it('counts what came since the feed was last seen, also over a reload', async () => {
    const stream = await loaded(['2', '1']);
    expect(badge().getAttribute('aria-label')).toBe('Activity, nothing new');
    tell('above');
    stream.activity('3');
    stream.activity('4');
    await world.step();
    expect(badge().getAttribute('aria-label')).toBe('Activity, 2 new');
    expect(badge().textContent).toBe('2');

    cleanup();
    world.render(<ActivityBadge onOpen={() => {}} />);
    await world.answer('/api/activity', page(['4', '3', '2', '1']));
    expect(badge().textContent).toBe('2');
  });

  it('keeps apart what two users of one browser have seen', async () => {
    const badges: (string | null)[] = [];
    for (const [user, seen] of [
      ['ada', '2'],
      ['bob', '1'],
    ] as const) {
      world = new TestWorld();
      const settings = new BrowserSettings(`pgfeed:${user}`);
      settings.set('activity-seen', seen);
      world.render(<ActivityBadge onOpen={() => {}} />, { settings });
      await world.answer('/api/activity', page(['2', '1']));
      badges.push(screen.getByRole('button').getAttribute('aria-label'));
      cleanup();
    }
    expect(badges).toEqual(['Activity, nothing new', 'Activity, 1 new']);
  });

  it('goes back to nothing when the feed is seen, but not in a hidden tab', async () => {
    const stream = await loaded(['1']);
    tell('above');
    stream.activity('2');
    await world.step();
    const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    tell('visible');
    expect(badge().textContent).toBe('1');
    visibility.mockReturnValue('visible');
    act(() => void document.dispatchEvent(new Event('visibilitychange')));
    expect(badge().textContent).toBe('');
  });

  it('does not count all as new when another tab has seen what has yet to arrive here', async () => {
    const stream = await loaded(['2', '1'], '1');
    stream.activity('3');
    await world.step();
    expect(badge().textContent).toBe('1');
    act(() => world.settings.set('activity-seen', '4'));
    expect(badge().getAttribute('aria-label')).toBe('Activity, nothing new');
    stream.activity('4');
    stream.activity('5');
    await world.step();
    expect(badge().textContent).toBe('1');
  });

  it('says "more than" where what was seen is further down than the list', async () => {
    world.settings.set('activity-seen', '1');
    await loaded(['9', '8'], '8');
    expect(badge().getAttribute('aria-label')).toBe('Activity, more than 2 new');
    expect(badge().textContent).toBe('2+');
  });

  it('opens the feed in a panel, and Escape returns to it', async () => {
    world.render(<ActivityBadge />);
    await world.answer('/api/activity', page(['1']));
    await world.open();
    fireEvent.click(badge());
    expect(screen.getByRole('dialog', { name: 'Activity' }).contains(feed())).toBe(true);
    expect(shown()).toEqual(['did 1']);
    fireEvent.keyDown(document.activeElement as Element, { key: 'Escape' });
    expect(screen.queryByRole('dialog')).toBeNull();
    await vi.waitFor(() => expect(document.activeElement).toBe(badge()));
    // The list was loaded once for both.
    expect(world.transport.waiting).toBe(0);
  });
});
